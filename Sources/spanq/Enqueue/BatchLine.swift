import Foundation
import SpanQueue

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
