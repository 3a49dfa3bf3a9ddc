// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// The settings of a `JobQueue`.
public struct JobQueueConfiguration: Sendable {
    /// The queue of jobs that name none; `default` unless set.
    public var defaultQueue = "default"
    /// How often a failed job is tried again unless it says otherwise; 25 unless set, which with the standard backoff is
    /// about 7.6 hours on average and at most 15.1.
    public var maxRetries = 25
    /// How long an enqueue takes at most; 5 minutes unless set, the longest that counts. An engine may have a shorter limit of its
    /// own: Redis has `commandTimeout`, which is 5 seconds unless set.
    public var enqueueTimeout = Duration.minutes(5)
    /// The largest payload of a job, in bytes; 1 MiB unless set, at most 3 MiB.
    public var maxPayloadBytes: Int {
        get { limits.payloadBytes }
        set { limits.payloadBytes = newValue }
    }
    /// The largest result of a job, in bytes; 64 KiB unless set, at most 96 KiB.
    public var maxResultBytes: Int {
        get { limits.resultBytes }
        set { limits.resultBytes = newValue }
    }
    /// The most tags on a job; 16 unless set.
    public var maxTags: Int {
        get { limits.tags }
        set { limits.tags = newValue }
    }
    /// What a job may hold.
    package var limits = Limits()

    /// How payloads and results of Swift types are written and read, by this queue and its workers; JSON unless set.
    public var coding: any JobCoding = JSONJobCoding()
    /// Code that runs around every call that enqueues; none unless set. It may change the requests, refuse them by throwing, do something
    /// before and after `next`, or look at the results. It returns one result for each request that it was given, in the same order. The
    /// first is the outermost.
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
    public var middleware:
        [@Sendable (
            _ requests: [EnqueueRequest],
            _ next: @Sendable ([EnqueueRequest]) async throws -> [EnqueueResult]
        ) async throws -> [EnqueueResult]] = []

    /// The settings above.
    public init(
        defaultQueue: String = "default", maxRetries: Int = 25, maxPayloadBytes: Int = 1 << 20,
        maxResultBytes: Int = 64 << 10, coding: any JobCoding = JSONJobCoding()
    ) {
        self.defaultQueue = defaultQueue
        self.maxRetries = maxRetries
        self.coding = coding
        self.maxPayloadBytes = maxPayloadBytes
        self.maxResultBytes = maxResultBytes
    }
}
