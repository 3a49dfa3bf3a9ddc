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
    /// own, as Redis' `commandTimeout`, which is 5 seconds unless set.
    public var enqueueTimeout = Duration.minutes(5)
    /// What a job may hold.
    public var limits = Limits()

    /// How payloads and results of Swift types are written and read, by this queue and its workers; JSON unless set.
    public var coding: any JobCoding = JSONJobCoding()
    /// Runs round every call that enqueues; none unless set.
    public var middleware: [EnqueueMiddleware] = []

    /// The settings above.
    public init(
        defaultQueue: String = "default", maxRetries: Int = 25, limits: Limits = Limits(),
        coding: any JobCoding = JSONJobCoding(), middleware: [EnqueueMiddleware] = []
    ) {
        self.defaultQueue = defaultQueue
        self.maxRetries = maxRetries
        self.limits = limits
        self.coding = coding
        self.middleware = middleware
    }
}
