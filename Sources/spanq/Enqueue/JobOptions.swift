import ArgumentParser
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

/// The options of one job, as flags.
struct EnqueueFlags: ParsableArguments {
    @Option(help: ArgumentHelp("The queue; default unless given.", valueName: "name"))
    var queue: String?

    @Option(help: ArgumentHelp("Run it no earlier than this long from now.", valueName: "duration"))
    var delay: String?

    @Option(help: ArgumentHelp("Run it no earlier than this: 2026-11-21T09:30:00Z.", valueName: "time"))
    var at: String?

    @Option(help: ArgumentHelp("How often it is tried again after a failure; 25 unless given.", valueName: "count"))
    var maxRetries: Int?

    @Option(help: ArgumentHelp("How long one attempt may run.", valueName: "duration"))
    var timeout: String?

    @Option(
        help: ArgumentHelp("Do not start it later than this long from now, or this time.", valueName: "duration|time"))
    var deadline: String?

    @Option(
        help: ArgumentHelp(
            "Only one such job: for a time (10m), until-started or until-finished.", valueName: "span"))
    var unique: String?

    @Option(help: ArgumentHelp("What must be unique, instead of type and payload.", valueName: "key"))
    var uniqueKey: String?

    @Option(help: ArgumentHelp("0 to 9: those of a higher priority go first.", valueName: "number"))
    var priority: Int?

    @Option(help: ArgumentHelp("How long its record is kept once it is done, or none.", valueName: "duration"))
    var retention: String?

    @Option(help: ArgumentHelp("A word to find it by. Repeatable.", valueName: "tag"))
    var tag: [String] = []

    @Option(help: ArgumentHelp("An id of your own: enqueued again, it is the same job.", valueName: "id"))
    var id: String?

    var jobOptions: JobOptions {
        JobOptions(
            queue: queue, delay: delay, at: at, maxRetries: maxRetries, timeout: timeout, deadline: deadline,
            unique: unique, uniqueKey: uniqueKey, priority: priority, retention: retention,
            tags: tag.isEmpty ? nil : tag, id: id)
    }
}

/// Moments on the command line and in batches.
enum MomentText {
    /// Reads a moment of RFC 3339, to the millisecond; nil where it is not one.
    static func parse(_ text: String) -> Timestamp? { RFC3339(text)?.timestamp }
}
