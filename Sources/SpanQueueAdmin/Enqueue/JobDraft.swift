// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
package import SpanQueue

/// A job to be enqueued as JSON has it: `{"type":"email:welcome","payload":{"user":42},"queue":"critical","delay":"5s"}`.
package struct JobDraft: Sendable {
    /// What kind of work it is; nil where the text does not say.
    package private(set) var type: String?
    /// Its payload; nil where the text has none.
    package private(set) var payload: [UInt8]?
    package var options = JobOptions()

    /// Reads a JSON object.
    ///
    /// - Throws: `.invalidArgument`, which says what is wrong with it, and where.
    package init(_ text: [UInt8]) throws(SpanQueueError) {
        let members: [StrictJSON.Member]
        do throws(StrictJSON.Problem) {
            members = try StrictJSON.members(of: text)
        } catch {
            throw .invalid("not a JSON object such as {\"type\":\"email:welcome\",\"payload\":{}}: \(error)")
        }
        var unknown: [String] = []
        for member in members {
            switch member.name {
            case "type": type = try Self.text(member)
            case "payload":
                // A text is the payload itself; any other value is stored as it is written.
                try setPayload(member.text.map { Array($0.utf8) } ?? Array(member.value))
            case "payload_base64":
                guard let text = try Self.text(member) else { continue }
                guard let data = Data(base64Encoded: text) else { throw .invalid("payload_base64 is not base64") }
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
            throw .invalid("unknown members \(names.joined(separator: ", "))")
        }
    }

    private mutating func setPayload(_ bytes: [UInt8]) throws(SpanQueueError) {
        guard payload == nil else {
            throw .invalid("payload and payload_base64 exclude each other: give one of them")
        }
        payload = bytes
    }

    /// A null counts as absent.
    private static func text(_ member: StrictJSON.Member) throws(SpanQueueError) -> String? {
        guard member.kind != .null else { return nil }
        guard let text = member.text else { throw wrongKind(member, "a string") }
        return text
    }

    private static func texts(_ member: StrictJSON.Member) throws(SpanQueueError) -> [String]? {
        guard member.kind != .null else { return nil }
        guard let texts = member.texts else { throw wrongKind(member, "an array of strings") }
        return texts
    }

    private static func number(
        _ member: StrictJSON.Member, _ range: String
    ) throws(SpanQueueError) -> Int? {
        guard member.kind != .null else { return nil }
        guard member.kind == .number else { throw wrongKind(member, "a number, \(range)") }
        let text = String(decoding: member.value, as: UTF8.self)
        guard let number = Int(text) else {
            throw .invalid("\(member.name) \(Excerpt.printable(text, limit: 40)): use a whole number, \(range)")
        }
        return number
    }

    private static func wrongKind(_ member: StrictJSON.Member, _ wanted: String) -> SpanQueueError {
        .invalid("\(member.name) has a value of the wrong kind, \(member.kind.rawValue): write \(wanted)")
    }

    /// The request.
    ///
    /// - Parameters:
    ///   - type: of a job that names none.
    ///   - defaults: the options that it leaves out.
    /// - Throws: `.invalidArgument`. Bounds are the library's affair.
    package func request(
        type: String? = nil, defaults: JobOptions = JobOptions()
    ) throws(SpanQueueError) -> EnqueueRequest {
        guard let type = self.type ?? type else { throw .invalid("no type: add \"type\":\"email:welcome\"") }
        return EnqueueRequest(
            type: type, payload: payload ?? Array("{}".utf8), options: try options.orElse(defaults).parsed())
    }
}

/// The options of one job as texts, from flags or from a line of a batch.
package struct JobOptions: Sendable {
    package var queue: String?
    package var delay: String?
    package var at: String?
    package var maxRetries: Int?
    package var timeout: String?
    package var deadline: String?
    package var unique: String?
    package var uniqueKey: String?
    package var priority: Int?
    package var retention: String?
    package var tags: [String]?
    package var id: String?

    package init() {}

    /// The library's options.
    ///
    /// - Throws: `.invalidArgument` with the name of the option. Bounds are the library's affair.
    package func parsed() throws(SpanQueueError) -> [EnqueueOption] {
        var options: [EnqueueOption] = []
        if let queue { options.append(.queue(queue)) }
        if let delay { options.append(.delay(try Self.duration(delay, "delay"))) }
        if let at { options.append(.runAt(try Self.moment(at, "at"))) }
        guard delay == nil || at == nil else { throw .invalid("delay and at exclude each other: give one of them") }
        if let maxRetries { options.append(.maxRetries(maxRetries)) }
        if let timeout { options.append(.timeout(try Self.duration(timeout, "timeout"))) }
        if let deadline {
            if let after = DurationText.parse(deadline) {
                options.append(.deadline(after: after))
            } else {
                options.append(.deadline(try Self.moment(deadline, "deadline")))
            }
        }
        if let unique {
            options.append(.unique(key: uniqueKey, try Self.span(unique)))
        } else if uniqueKey != nil {
            throw .invalid("a unique key needs a span: add unique 10m, until-started or until-finished")
        }
        if let priority { options.append(.priority(priority)) }
        if let retention {
            options.append(
                .retention(retention == "none" ? .none : .duration(try Self.duration(retention, "retention"))))
        }
        if let tags { options.append(.tags(tags)) }
        if let id { options.append(.id(try JobID(id))) }
        return options
    }

    private static func span(_ text: String) throws(SpanQueueError) -> UniqueSpan {
        switch text {
        case "until-started": return .untilStarted
        case "until-finished": return .untilFinished
        default:
            guard let duration = DurationText.parse(text) else {
                throw .invalid("unique \"\(text)\": write a time such as 10m, until-started or until-finished")
            }
            return .duration(duration)
        }
    }

    private static func duration(_ text: String, _ what: String) throws(SpanQueueError) -> Duration {
        guard let duration = DurationText.parse(text) else {
            throw .invalid("\(what) \"\(text)\" is not a duration: write it as 500ms, 2s, 10m or 1h")
        }
        return duration
    }

    private static func moment(_ text: String, _ what: String) throws(SpanQueueError) -> Timestamp {
        guard let moment = RFC3339(text)?.timestamp else {
            throw .invalid("\(what) \"\(text)\" is not a time: write it as 2026-11-21T09:30:00Z")
        }
        return moment
    }
}

extension JobOptions {
    /// These, and for those that are absent the others. Delay and at stand for one choice, and so do a span and its key.
    package func orElse(_ other: JobOptions) -> JobOptions {
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

extension SpanQueueError {
    fileprivate static func invalid(_ message: String) -> SpanQueueError { SpanQueueError(.invalidArgument, message) }
}
