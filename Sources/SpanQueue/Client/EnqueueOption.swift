// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import Foundation

/// One option of one job, given at enqueue. Of two about the same thing the later one counts.
public struct EnqueueOption: Sendable {
    let apply: @Sendable (inout EnqueueOptions) -> Void

    private init(_ apply: @escaping @Sendable (inout EnqueueOptions) -> Void) {
        self.apply = apply
    }

    /// The queue it waits in; by default the client's default queue, `default`.
    public static func queue(_ name: String) -> EnqueueOption { EnqueueOption { $0.queue = name } }

    /// Run no earlier than this long after the engine accepted it.
    public static func delay(_ delay: Duration) -> EnqueueOption { EnqueueOption { $0.schedule = .after(delay) } }

    /// Run no earlier than this moment of the engine's clock; one in the past means now.
    public static func runAt(_ moment: Timestamp) -> EnqueueOption { EnqueueOption { $0.schedule = .at(moment) } }

    /// Run no earlier than this date; one in the past means now. The engine's clock decides, to the millisecond.
    public static func runAt(_ date: Date) -> EnqueueOption { .runAt(Timestamp(date)) }

    /// Try again at most this often after a failure, 0 to 1000; 25 by default.
    public static func maxRetries(_ count: Int) -> EnqueueOption { EnqueueOption { $0.maxRetries = count } }

    /// The waits between attempts, stored with the job; by default those of its handler, or else of the worker.
    public static func retryPolicy(_ policy: RetryPolicy) -> EnqueueOption { EnqueueOption { $0.backoff = policy } }

    /// How long one attempt may run, from when its handler begins, before it is cancelled and counts as failed; no bound by default.
    public static func timeout(_ timeout: Duration) -> EnqueueOption { EnqueueOption { $0.timeout = timeout } }

    /// Do not start it later than this long after the engine accepted it; then it is dead, with reason `expired`.
    public static func deadline(after delay: Duration) -> EnqueueOption {
        EnqueueOption { $0.expiry = .after(delay) }
    }

    /// Do not start it later than this moment of the engine's clock; then it is dead, with reason `expired`.
    public static func deadline(_ moment: Timestamp) -> EnqueueOption { EnqueueOption { $0.expiry = .at(moment) } }

    /// Do not start it later than this date; then it is dead, with reason `expired`. The engine's clock decides, to the millisecond.
    public static func deadline(_ date: Date) -> EnqueueOption { .deadline(Timestamp(date)) }

    /// Only one such job in the queue, for this long from its enqueue, whatever happens to it.
    ///
    /// - Parameters:
    ///   - duration: 1 ms to 10 years.
    ///   - key: jobs with the same key are alike, whatever their type and payload; by default those of the same type and payload.
    public static func unique(for duration: Duration, key: String? = nil) -> EnqueueOption {
        .unique(key: key, .duration(duration))
    }

    /// Only one such job in the queue, until its first attempt is claimed.
    ///
    /// - Parameter key: as in ``unique(for:key:)``.
    public static func uniqueUntilStarted(key: String? = nil) -> EnqueueOption { .unique(key: key, .untilStarted) }

    /// Only one such job in the queue, until it is completed, dead, cancelled or removed.
    ///
    /// - Parameter key: as in ``unique(for:key:)``.
    public static func uniqueUntilFinished(key: String? = nil) -> EnqueueOption { .unique(key: key, .untilFinished) }

    package static func unique(key: String? = nil, _ span: UniqueSpan) -> EnqueueOption {
        EnqueueOption { $0.unique = (key, span) }
    }

    /// 0 to 9: jobs of a higher priority are claimed before all others of the queue; 0 by default.
    public static func priority(_ priority: Int) -> EnqueueOption { EnqueueOption { $0.priority = priority } }

    /// Keep the record for this long once the job has completed, however many others there are: 1 ms to 10 years, or zero to forget the
    /// job as soon as it completes. By default, and with nil, as the engine is configured: one hour, and at most 10,000 jobs of a queue.
    public static func retention(for duration: Duration?) -> EnqueueOption {
        .retention(duration.map { $0 == .zero ? .none : .duration($0) } ?? .standard)
    }

    /// How long the record is kept once the job has completed.
    package static func retention(_ retention: Retention) -> EnqueueOption {
        EnqueueOption { $0.retention = retention }
    }

    /// Tags to find it by, each 1 to 128 of `A-Z a-z 0-9 _ . : / - @ + # =`; none by default.
    public static func tags(_ tags: [String]) -> EnqueueOption { EnqueueOption { $0.tags = tags } }

    /// The caller's own id. The same id again, with the same type and payload, gives the receipt of the job that is there; with others it
    /// is an error. This holds as long as the record of the first job is kept.
    public static func id(_ id: JobID) -> EnqueueOption { EnqueueOption { $0.id = id } }
}

/// The choices about one job, gathered.
struct EnqueueOptions: Sendable {
    var queue: String
    var schedule = Schedule.now
    var maxRetries: Int
    var backoff: RetryPolicy?
    var timeout: Duration?
    var expiry: Expiry?
    var unique: (key: String?, span: UniqueSpan)?
    var priority = 0
    var retention = Retention.standard
    var tags: [String] = []
    var id: JobID?

    init(_ configuration: JobQueueConfiguration, _ options: [EnqueueOption]) {
        queue = configuration.defaultQueue
        maxRetries = configuration.maxRetries
        for option in options { option.apply(&self) }
    }

    /// Refuses what is out of bounds, before anything is sent.
    func check(limits: Limits) throws(SpanQueueError) {
        try NameRule.queue.check(queue)
        if let id { try NameRule.jobID.check(id.description) }
        guard (0...9).contains(priority) else { throw .invalidArgument("priority \(priority): use 0 to 9") }
        guard (0...1000).contains(maxRetries) else {
            throw .invalidArgument("max retries \(maxRetries): use 0 to 1000")
        }
        guard tags.count <= limits.tags else {
            throw .invalidArgument("\(tags.count) tags: a job has at most \(limits.tags)")
        }
        for tag in tags { try NameRule.tag.check(tag) }
        try backoff?.check()
        if let timeout { try Self.check(timeout, is: "timeout", from: .milliseconds(1)) }
        if case .after(let delay) = schedule { try Self.check(delay, is: "delay", from: .zero) }
        if case .after(let delay) = expiry { try Self.check(delay, is: "deadline", from: .milliseconds(1)) }
        if let span = unique?.span.duration { try Self.check(span, is: "unique span", from: .milliseconds(1)) }
        if let span = retention.duration { try Self.check(span, is: "retention", from: .milliseconds(1)) }
        if case .at(let moment) = schedule { try Self.check(moment, is: "run time") }
        if case .at(let moment) = expiry { try Self.check(moment, is: "deadline") }
    }

    private static func check(_ value: Duration, is what: String, from least: Duration) throws(SpanQueueError) {
        guard value >= least, value <= Limits.farthestDelay else {
            throw .invalidArgument(
                "\(what) \(DurationText.format(value)): use \(DurationText.format(least)) to 10 years")
        }
    }

    private static func check(_ moment: Timestamp, is what: String) throws(SpanQueueError) {
        // Thirteen digits of milliseconds, as moments are stored: up to the year 2286.
        guard (0...9_999_999_999_999).contains(moment.milliseconds) else {
            throw .invalidArgument("\(what) \(moment): use a time between 1970 and 2286")
        }
    }
}
