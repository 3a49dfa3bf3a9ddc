import Foundation
import SpanQueue
import SpanQueueAdmin

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

/// One line of a batch: a JSON object with a job's type, payload and options.
struct BatchLine {
    let request: EnqueueRequest

    /// - Parameters:
    ///   - defaults: the options of lines that do not name them.
    ///   - type: the type of lines that do not name one.
    /// - Throws: a usage error that says what is wrong with the line, and where.
    init(_ line: [UInt8], defaults: JobOptions, type: String?, checkJSON: Bool) throws(CommandFailure) {
        let members: [StrictJSON.Member]
        do throws(StrictJSON.Problem) {
            members = try StrictJSON.members(of: line)
        } catch {
            throw .usage("not a JSON object such as {\"type\":\"email:welcome\",\"payload\":{}}: \(error)")
        }
        let fields = try Fields(members)
        guard let type = fields.type ?? type else { throw .usage("no type: add \"type\":\"email:welcome\"") }
        let payload = fields.payload ?? Array("{}".utf8)
        if checkJSON { try PayloadSource.check(payload) }
        let options = try fields.options.orElse(defaults).parsed()
        request = EnqueueRequest(type: type, payload: payload, options: options)
    }

    private struct Fields {
        var type: String?
        var payload: [UInt8]?
        var options = JobOptions()

        init(_ members: [StrictJSON.Member]) throws(CommandFailure) {
            var unknown: [String] = []
            for member in members {
                switch member.name {
                case "type": type = try Self.text(member)
                case "payload":
                    // A text is the payload itself; any other value is stored as it is written.
                    try setPayload(member.text.map { Array($0.utf8) } ?? Array(member.value))
                case "payload_base64":
                    guard let text = try Self.text(member) else { continue }
                    guard let data = Data(base64Encoded: text) else { throw .usage("payload_base64 is not base64") }
                    try setPayload(Array(data))
                case "queue": options.queue = try Self.text(member)
                case "delay": options.delay = try Self.text(member)
                case "at": options.at = try Self.text(member)
                case "max_retries": options.maxRetries = try Self.number(member, "0 to 1000")
                case "timeout": options.timeout = try Self.text(member)
                case "deadline": options.deadline = try Self.text(member)
                case "unique": options.unique = try Self.text(member)
                case "unique_key": options.uniqueKey = try Self.text(member)
                case "priority": options.priority = try Self.number(member, "0 to 9")
                case "retention": options.retention = try Self.text(member)
                case "tags": options.tags = try Self.texts(member)
                case "id": options.id = try Self.text(member)
                default: unknown.append(member.name)
                }
            }
            guard unknown.isEmpty else {
                let names = unknown.sorted().prefix(5).map { Excerpt.printable($0, limit: 40) }
                throw .usage("unknown members \(names.joined(separator: ", ")): see spanq enqueue --help")
            }
        }

        private mutating func setPayload(_ bytes: [UInt8]) throws(CommandFailure) {
            guard payload == nil else {
                throw .usage("payload and payload_base64 exclude each other: give one of them")
            }
            payload = bytes
        }

        /// A null counts as absent.
        private static func text(_ member: StrictJSON.Member) throws(CommandFailure) -> String? {
            guard member.kind != .null else { return nil }
            guard let text = member.text else { throw wrongKind(member, "a string") }
            return text
        }

        private static func texts(_ member: StrictJSON.Member) throws(CommandFailure) -> [String]? {
            guard member.kind != .null else { return nil }
            guard let texts = member.texts else { throw wrongKind(member, "an array of strings") }
            return texts
        }

        private static func number(
            _ member: StrictJSON.Member, _ range: String
        ) throws(CommandFailure) -> Int? {
            guard member.kind != .null else { return nil }
            guard member.kind == .number else { throw wrongKind(member, "a number, \(range)") }
            let text = String(decoding: member.value, as: UTF8.self)
            guard let number = Int(text) else {
                throw .usage("\(member.name) \(Excerpt.printable(text, limit: 40)): use a whole number, \(range)")
            }
            return number
        }

        private static func wrongKind(_ member: StrictJSON.Member, _ wanted: String) -> CommandFailure {
            .usage("\(member.name) has a value of the wrong kind, \(member.kind.rawValue): write \(wanted)")
        }
    }
}

extension JobOptions {
    /// These, and for those that are absent the others. Delay and at stand for one choice, and so do a span and its key.
    func orElse(_ other: JobOptions) -> JobOptions {
        var options = self
        options.queue = queue ?? other.queue
        if delay == nil, at == nil { (options.delay, options.at) = (other.delay, other.at) }
        options.maxRetries = maxRetries ?? other.maxRetries
        options.timeout = timeout ?? other.timeout
        options.deadline = deadline ?? other.deadline
        options.unique = unique ?? other.unique
        options.priority = priority ?? other.priority
        options.retention = retention ?? other.retention
        options.tags = tags ?? other.tags
        return options
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
