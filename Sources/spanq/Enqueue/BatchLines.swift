// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand

/// Enqueues a job for each line of a file or stream, and prints one result a line, in order.
///
/// What is there leaves together, at most a thousand lines in one round trip. Where the writer takes its time, nothing waits
/// for the thousandth line.
struct BatchLines: Sendable {
    /// How many lines leave in one round trip.
    static let size = 1000
    /// As many bytes as leave in one round trip; a batch of large payloads is cut earlier than at its thousandth line.
    private static let bytes = 8 << 20

    private let descriptor: Int32
    private let defaults: JobOptions
    private let type: String?
    private let checkJSON: Bool

    init(path: String, defaults: JobOptions, type: String?, checkJSON: Bool) throws(CommandFailure) {
        descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .usage("the file \(path) can't be read: check the path and its permissions")
        }
        self.defaults = defaults
        self.type = type
        self.checkJSON = checkJSON
    }

    /// - Throws: a failure at the end where a line was refused; what the engine throws.
    func enqueue(on queue: JobQueue, json: Bool) async throws {
        try await Interruption.watch { interruption in
            try await enqueue(on: queue, json: json, until: interruption)
        }
    }

    private func enqueue(on queue: JobQueue, json: Bool, until interruption: Interruption) async throws {
        var reader = LineReader(descriptor, until: interruption)
        var lines: [(number: Int, line: [UInt8])] = []
        var (refused, total, weight) = (0, 0, 0)
        var problem: CommandFailure?
        reading: while true {
            var isAtEnd = false
            do throws(CommandFailure) {
                switch try await reader.next(waits: lines.isEmpty) {
                case .line(let number, let line):
                    guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) else { continue reading }
                    lines.append((number, line))
                    weight += line.count
                    if lines.count < Self.size, weight < Self.bytes { continue reading }
                case .pause: break
                case .end: isAtEnd = true
                }
            } catch {
                // What was read before is sent all the same.
                problem = error
                isAtEnd = true
            }
            if !lines.isEmpty { refused += try await send(lines, on: queue, json: json) }
            total += lines.count
            (lines, weight) = ([], 0)
            if isAtEnd { break }
        }
        if let problem { throw problem }
        if interruption.hasCome {
            throw CommandFailure.failed("interrupted: \(total) lines were read, and have a result")
        }
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
                let draft = try JobDraft(line)
                if checkJSON, let payload = draft.payload { try PayloadSource.check(payload) }
                requests.append(try draft.request(type: type, defaults: defaults))
                places.append(results.count)
                results.append(.pending(line: number))
            } catch {
                results.append(.refused(line: number, code: "invalid_argument", message: "\(error)"))
            }
        }
        for (place, result) in zip(places, try await queue.enqueue(requests)) {
            switch result {
            case .success(let receipt): results[place] = .done(receipt)
            case .failure(let error):
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

/// What became of one line of a batch.
enum BatchResult {
    case pending(line: Int)
    case done(EnqueueReceipt)
    case refused(line: Int, code: String, message: String)

    var line: Int? {
        switch self {
        case .pending(let line), .refused(let line, _, _): line
        case .done: nil
        }
    }

    var isRefused: Bool {
        if case .refused = self { true } else { false }
    }

    func text(json: Bool) throws -> String {
        switch self {
        case .done(let receipt):
            if json { return try AdminJSON.line(ReceiptView(receipt)) }
            return receipt.isDuplicate ? "duplicate \(receipt.id)" : "enqueued \(receipt.id)"
        case .refused(let line, let code, let message):
            if json { return try AdminJSON.line(RefusalView(line: line, code: code, message: message)) }
            return "refused line \(line): \(Table.clean(message))"
        case .pending(let line):
            return "refused line \(line): no answer"
        }
    }
}
