// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import SpanQueueTelemetry

/// One of many jobs to be enqueued in one round trip.
public struct EnqueueRequest: Sendable {
    /// Its job type.
    public let type: String
    /// Its options, those of its type first. `JobQueueConfiguration.middleware` may add to them.
    public var options: [EnqueueOption]
    /// The span under which it is enqueued, where that is not the one that is current: of many jobs each may have its own.
    package var parent: TraceContext?
    private let content: Content

    private enum Content: Sendable {
        case bytes([UInt8])
        /// Encoded when it is known how: by the queue's coding.
        case value(any Job)
    }

    /// A job of a Swift type. It is encoded by the queue that it is put on; where that fails, the queue refuses it.
    public init<J: Job>(_ job: J, _ options: EnqueueOption...) {
        self.init(job, options)
    }

    /// A job of a Swift type, with options that are known only at run time.
    public init<J: Job>(_ job: J, _ options: [EnqueueOption]) {
        self.type = J.jobType
        self.content = .value(job)
        self.options = J.options + options
    }

    /// A job by its type's name, with bytes that are passed on as they are.
    public init(type: String, payload: [UInt8], options: [EnqueueOption] = []) {
        self.type = type
        self.content = .bytes(payload)
        self.options = options
    }

    /// Checks it as `JobQueue.enqueue(_:)` does before it asks the engine: without a connection, so that what is wrong can be said
    /// early.
    ///
    /// - Parameter configuration: that of the queue it is for.
    /// - Throws: `.invalidArgument`, `.tooLarge`.
    public func validate(for configuration: JobQueueConfiguration = JobQueueConfiguration()) throws(SpanQueueError) {
        _ = try checked(configuration)
    }

    /// The queue that it goes to.
    package func queueName(by configuration: JobQueueConfiguration) -> String {
        EnqueueOptions(configuration, options).queue
    }

    /// Its options with the queue's defaults, and its payload, after everything was checked.
    func checked(
        _ configuration: JobQueueConfiguration
    ) throws(SpanQueueError) -> (options: EnqueueOptions, payload: [UInt8]) {
        let options = EnqueueOptions(configuration, options)
        let limits = configuration.limits
        try NameRule.jobType.check(type)
        try options.check(limits: limits)
        let payload =
            switch content {
            case .bytes(let bytes): bytes
            case .value(let job): try configuration.coding.payload(of: job)
            }
        guard payload.count <= limits.payloadBytes else {
            throw SpanQueueError(
                .tooLarge,
                "the payload has \(payload.count) bytes and may have \(limits.payloadBytes): "
                    + "store it elsewhere and enqueue a reference to it")
        }
        return (options, payload)
    }
}

extension JobCoding {
    /// A job's payload.
    func payload<J: Job>(of job: J) throws(SpanQueueError) -> [UInt8] {
        do {
            return try encode(job)
        } catch {
            throw SpanQueueError(
                .invalidArgument, "\(J.jobType) can't be encoded: \(CodingProblem.describe(error))", underlying: error)
        }
    }
}

/// The engine's confirmation that a job is in the queue.
///
/// It describes the job that is there: the one that was enqueued, or, where nothing was added because its id is known or another job
/// holds its lock, that other job.
public struct EnqueueReceipt: Sendable, Hashable {
    /// The job's id; for a duplicate, the id of the job that is there already.
    public var id: JobID
    /// Its type; that of this call where the job's record is gone.
    public var type: String
    /// Its queue.
    public var queue: String
    /// When the engine accepted it; nil where the job's record is gone.
    public var enqueuedAt: Timestamp?
    /// When it is due, while it is scheduled or retrying.
    public var runAt: Timestamp?
    /// Whether nothing was added, because another job holds the lock that this one wanted.
    public var isDuplicate: Bool
    /// The trace that it was created in; that of this call where the job's record is gone.
    public var traceID: TraceID
    /// Where the job stood right after the enqueue. Nil for a duplicate of a job whose record is gone: the lock that it took for a time
    /// (`.unique(for:)`) outlives it.
    public var state: JobState?
}

/// What became of one of many jobs: its receipt, or why it was refused.
public typealias EnqueueResult = Result<EnqueueReceipt, SpanQueueError>

extension JobQueue {
    /// Enqueues one job with options that are known only at run time. See `enqueue(_:_:)`.
    @discardableResult
    public func enqueue<J: Job>(_ job: J, _ options: [EnqueueOption]) async throws -> EnqueueReceipt {
        try await enqueue(EnqueueRequest(job, options))
    }

    /// Enqueues one job by its type's name, with options that are known only at run time. See `enqueue(type:payload:_:)`.
    @discardableResult
    public func enqueue(type: String, payload: [UInt8], _ options: [EnqueueOption]) async throws -> EnqueueReceipt {
        try await enqueue(EnqueueRequest(type: type, payload: payload, options: options))
    }

    /// Enqueues many jobs of one type in one round trip, with options that are known only at run time.
    public func enqueue<J: Job>(_ jobs: [J], _ options: [EnqueueOption]) async throws -> [EnqueueResult] {
        try await enqueue(jobs.map { EnqueueRequest($0, options) })
    }
}
