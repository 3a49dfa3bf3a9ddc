import Foundation
import SpanQueue

/// Enqueues a job for each line of a file, a thousand in one round trip, and prints one result a line, in order.
struct BatchLines {
    /// How many lines leave in one round trip.
    static let size = 1000
    /// As many bytes as leave in one round trip; a batch of large payloads is cut earlier than at its thousandth line.
    private static let bytes = 8 << 20

    private let reader: LineReader
    private let defaults: JobOptions
    private let type: String?
    private let checkJSON: Bool

    init(path: String, defaults: JobOptions, type: String?, checkJSON: Bool) throws(CommandFailure) {
        if path == "-" {
            reader = LineReader(.standardInput)
        } else {
            guard let handle = FileHandle(forReadingAtPath: path) else {
                throw .usage("the file \(path) can't be read: check the path and its permissions")
            }
            reader = LineReader(handle)
        }
        self.defaults = defaults
        self.type = type
        self.checkJSON = checkJSON
    }

    /// - Throws: a failure at the end where a line was refused; what the engine throws.
    func enqueue(on queue: JobQueue, json: Bool) async throws {
        var reader = reader
        var lines: [(number: Int, line: [UInt8])] = []
        var (refused, total, weight) = (0, 0, 0)
        while let next = try reader.next() {
            guard !next.line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) else { continue }
            lines.append(next)
            weight += next.line.count
            guard lines.count == Self.size || weight >= Self.bytes else { continue }
            refused += try await send(lines, on: queue, json: json)
            total += lines.count
            (lines, weight) = ([], 0)
        }
        if !lines.isEmpty { refused += try await send(lines, on: queue, json: json) }
        total += lines.count
        if refused > 0 {
            throw CommandFailure.failed("\(refused) of \(total) lines were refused: the others are in the queue")
        }
    }

    private func send(_ lines: [(number: Int, line: [UInt8])], on queue: JobQueue, json: Bool) async throws -> Int {
        var results: [BatchResult] = []
        var requests: [EnqueueRequest] = []
        var places: [Int] = []
        for (number, line) in lines {
            do {
                requests.append(try BatchLine(line, defaults: defaults, type: type, checkJSON: checkJSON).request)
                places.append(results.count)
                results.append(.pending(line: number))
            } catch {
                results.append(.refused(line: number, code: "invalid_argument", message: error.message))
            }
        }
        for (place, result) in zip(places, try await queue.enqueue(requests)) {
            switch result {
            case .accepted(let receipt), .duplicate(let receipt): results[place] = .done(receipt)
            case .refused(let error):
                results[place] = .refused(
                    line: results[place].line ?? 0, code: error.code.rawValue, message: error.message)
            }
        }
        Console.print(
            try results.map { try $0.text(json: json) }.joined(separator: "\n"),
            done: "line \(lines.last?.number ?? 0) was the last that was sent to the queue")
        try Console.check()
        return results.filter(\.isRefused).count
    }
}
