// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// One of many jobs to be enqueued in one round trip.
public struct EnqueueRequest: Sendable {
    /// Its job type.
    public let type: String
    /// Its options, those of its type first. An `EnqueueMiddleware` may add to them.
    public var options: [EnqueueOption]
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

/// Code that runs round every call that enqueues: it may change the requests, refuse them by throwing, run something before and after
/// `next`, or look at the results, of which it gives back one for each request that it got, in order. The first is the outermost.
///
/// ```swift
/// configuration.middleware = [
///     { requests, next in
///         try await next(requests.map { request in
///             var request = request
///             request.options.append(.tags(["region:eu"]))
///             return request
///         })
///     }
/// ]
/// ```
public typealias EnqueueMiddleware =
    @Sendable (
        _ requests: [EnqueueRequest], _ next: @Sendable ([EnqueueRequest]) async throws -> [EnqueueResult]
    ) async throws -> [EnqueueResult]
