// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging

/// The settings of a `Worker`.
public struct WorkerConfiguration: Sendable {
    /// How many jobs run at once at most, 1 to 10,000; 10 unless set.
    public var concurrency = 10
    /// The queues it serves, each with its share of the claims, 1 to 1000, while all have work; `default` alone unless set. Empty where
    /// `strictQueues` is set: the one that is set last counts.
    public var queues: [String: Int] {
        get { selection.order == .weighted ? selection.weights : [:] }
        set { selection = .weighted(newValue) }
    }
    /// The queues it serves, each only while all before it are empty. Empty unless set.
    public var strictQueues: [String] {
        get { selection.order == .strict ? selection.queues : [] }
        set { selection = .strict(newValue) }
    }
    /// Both of the above.
    package var selection: QueueSelection = ["default": 1]
    /// How long a claim holds without a heartbeat, 100 ms to one hour; 30 seconds unless set. A job whose worker dies runs again
    /// this much later. Heartbeats go out every third of it.
    public var lease = Duration.seconds(30)
    /// How long a drain waits for running jobs before it cancels and releases them; 25 seconds unless set.
    public var drainTimeout = Duration.seconds(25)
    /// How long a handler may go on after it was cancelled before that is logged and counted, and its attempt settled without
    /// it; 5 seconds unless set. Its slot stays taken until it returns.
    public var cancellationGrace = Duration.seconds(5)
    /// How long failed jobs wait for their next attempt, unless the job or its handler has a policy; exponential with jitter unless set.
    public var retryPolicy = RetryPolicy.standard
    /// Code that decides this by the number of the attempt, from 1, and by what it threw, for jobs that `retryPolicy` is for; none unless
    /// set. Nil leaves it to `retryPolicy`. A negative duration counts as zero, one over ten years as ten years.
    public var retryDelay: (@Sendable (_ attempt: Int, _ error: any Error) -> Duration?)?
    /// A job whose lease ran out this often is buried as a poison pill, 1 to 255; 3 unless set.
    public var maxReclaims = ReclaimRequest.standardMaxReclaims
    /// How long a job of a type without a handler waits until it is looked at again; one minute unless set.
    public var unknownTypeDelay = Duration.minutes(1)
    /// How often such a job is looked at again before it is buried, 0 to 30; 20 unless set. These do not count as attempts.
    public var unknownTypeRetries = 20
    /// How long an idle worker blocks at most before it looks for itself, 10 ms to one minute; 2 seconds unless set. It bounds the
    /// delay where a wake-up was lost with the worker that got it.
    public var idleWait = Duration.seconds(2)

    /// At which level the start of an attempt and its success are logged; debug unless set.
    package var attemptLogLevel: @Sendable (JobContext) -> Logger.Level = { _ in .debug }
    /// The text of an error that a handler threw, as it is stored with the job, logged and exported. Nil, or an answer of nil, leaves it to
    /// the error: its `LocalizedError.errorDescription`, else its `CustomStringConvertible.description`, else its type's name and, of an enum,
    /// the case; never its fields. Its first 2,048 bytes are kept.
    public var describeError: (@Sendable (any Error) -> String?)?
    /// Called with the record of a job that has become a dead letter, by the worker that ended its last attempt or took it back, once the engine has it. Not
    /// where that worker ends in this very moment: the job is in the dead letters all the same. A person who buries a job calls nothing.
    /// The end of its last attempt is by the worker's clock.
    public var onDeath: (@Sendable (JobRecord) async -> Void)?

    /// The settings above.
    public init(
        concurrency: Int = 10, queues: [String: Int] = ["default": 1], lease: Duration = .seconds(30),
        drainTimeout: Duration = .seconds(25), cancellationGrace: Duration = .seconds(5),
        retryPolicy: RetryPolicy = .standard, maxReclaims: Int = 3,
        unknownTypeDelay: Duration = .seconds(60), unknownTypeRetries: Int = 20, idleWait: Duration = .seconds(2)
    ) {
        self.concurrency = concurrency
        self.queues = queues
        self.lease = lease
        self.drainTimeout = drainTimeout
        self.cancellationGrace = cancellationGrace
        self.retryPolicy = retryPolicy
        self.maxReclaims = maxReclaims
        self.unknownTypeDelay = unknownTypeDelay
        self.unknownTypeRetries = unknownTypeRetries
        self.idleWait = idleWait
    }

    package func check() throws(SpanQueueError) {
        try selection.check()
        try Self.check(concurrency, 1...10_000, "concurrency")
        try Self.check(maxReclaims, 1...255, "max reclaims")
        try Self.check(unknownTypeRetries, 0...30, "unknown type retries")
        try Self.check(lease, .milliseconds(100), .hours(1), "lease")
        try Self.check(drainTimeout, .zero, .hours(24), "drain timeout")
        try Self.check(cancellationGrace, .zero, .hours(1), "cancellation grace")
        try Self.check(unknownTypeDelay, .milliseconds(1), .hours(24), "unknown type delay")
        try Self.check(idleWait, .milliseconds(10), .minutes(1), "idle wait")
    }

    private static func check(_ value: Int, _ range: ClosedRange<Int>, _ what: String) throws(SpanQueueError) {
        guard range.contains(value) else {
            throw .invalidArgument("\(what) \(value): use \(range.lowerBound) to \(range.upperBound)")
        }
    }

    private static func check(
        _ value: Duration, _ least: Duration, _ most: Duration, _ what: String
    ) throws(SpanQueueError) {
        guard value >= least, value <= most else {
            throw .invalidArgument(
                "\(what) \(DurationText.format(value)): use \(DurationText.format(least)) to \(DurationText.format(most))"
            )
        }
    }
}
