import SpanQueue

/// The options of one job as texts, from flags or from a line of a batch.
struct JobOptions: Sendable {
    var queue: String?
    var delay: String?
    var at: String?
    var maxRetries: Int?
    var timeout: String?
    var deadline: String?
    var unique: String?
    var uniqueKey: String?
    var priority: Int?
    var retention: String?
    var tags: [String]?
    var id: String?

    /// The library's options.
    ///
    /// - Throws: a usage error that names the option. Bounds are the library's affair.
    func parsed() throws(CommandFailure) -> [EnqueueOption] {
        var options: [EnqueueOption] = []
        if let queue { options.append(.queue(queue)) }
        if let delay { options.append(.delay(try Self.duration(delay, "delay"))) }
        if let at { options.append(.runAt(try Self.moment(at, "at"))) }
        guard delay == nil || at == nil else { throw .usage("delay and at exclude each other: give one of them") }
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
            let span = try Self.span(unique)
            options.append(uniqueKey.map { .unique(key: $0, span) } ?? .unique(span))
        } else if uniqueKey != nil {
            throw .usage("a unique key needs a span: add unique 10m, until-started or until-finished")
        }
        if let priority { options.append(.priority(priority)) }
        if let retention {
            options.append(
                .retention(retention == "none" ? .none : .duration(try Self.duration(retention, "retention"))))
        }
        if let tags { options.append(.tags(tags)) }
        if let id { options.append(.id(try JobID(argument: id))) }
        return options
    }

    private static func span(_ text: String) throws(CommandFailure) -> UniqueSpan {
        switch text {
        case "until-started": return .untilStarted
        case "until-finished": return .untilFinished
        default:
            guard let duration = DurationText.parse(text) else {
                throw .usage("unique \"\(text)\": write a time such as 10m, until-started or until-finished")
            }
            return .duration(duration)
        }
    }

    private static func duration(_ text: String, _ what: String) throws(CommandFailure) -> Duration {
        guard let duration = DurationText.parse(text) else {
            throw .usage("\(what) \"\(text)\" is not a duration: write it as 500ms, 2s, 10m or 1h")
        }
        return duration
    }

    private static func moment(_ text: String, _ what: String) throws(CommandFailure) -> Timestamp {
        guard let moment = MomentText.parse(text) else {
            throw .usage("\(what) \"\(text)\" is not a time: write it as 2026-11-21T09:30:00Z")
        }
        return moment
    }
}
