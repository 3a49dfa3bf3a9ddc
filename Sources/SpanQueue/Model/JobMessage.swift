public import SpanQueueTelemetry

/// What an enqueue fixes about a job. It never changes afterwards.
public struct JobMessage: Sendable, Hashable {
    /// The job's id.
    public var id: JobID
    /// The lane it waits in.
    public var queue: String
    /// What kind of work it is, such as `email:welcome`.
    public var type: String
    /// What the handler gets: opaque bytes, JSON by convention.
    public var payload: [UInt8]
    /// 0 to 9: jobs of a higher priority are claimed first, those of priority 0 in the order of their arrival.
    public var priority: Int
    /// How often a failed job is tried again; the number of attempts is at most one more.
    public var maxRetries: Int
    /// The waits between attempts; nil leaves them to the handler's worker.
    public var backoff: Backoff?
    /// How long one attempt may run; nil for no bound.
    public var timeout: Duration?
    /// The moment after which the job is not started any more; nil for none.
    public var deadline: Timestamp?
    /// The lock that it took, if it is a unique job.
    public var unique: UniqueLock?
    /// How long its record is kept once it has completed.
    public var retention: Retention
    /// Words to find it by.
    public var tags: [String]
    /// Where it was created, in its trace.
    public var trace: TraceContext
    /// When it was put off to: its first run time, if that lay in the future at enqueue.
    public var runAt: Timestamp?
    /// When the engine accepted it.
    public var enqueuedAt: Timestamp
    /// Eight bytes that tell whether another job with the same caller-given id has the same content; nil for our own ids.
    package var contentDigest: UInt64?

    package init(
        id: JobID, queue: String, type: String, payload: [UInt8], priority: Int, maxRetries: Int, backoff: Backoff?,
        timeout: Duration?, deadline: Timestamp?, unique: UniqueLock?, retention: Retention, tags: [String],
        trace: TraceContext, runAt: Timestamp?, enqueuedAt: Timestamp, contentDigest: UInt64?
    ) {
        self.id = id
        self.queue = queue
        self.type = type
        self.payload = payload
        self.priority = priority
        self.maxRetries = maxRetries
        self.backoff = backoff
        self.timeout = timeout
        self.deadline = deadline
        self.unique = unique
        self.retention = retention
        self.tags = tags
        self.trace = trace
        self.runAt = runAt
        self.enqueuedAt = enqueuedAt
        self.contentDigest = contentDigest
    }

    /// The earliest moment at which a worker could have claimed it for the first time.
    public var eligibleAt: Timestamp { max(enqueuedAt, runAt ?? enqueuedAt) }

    /// How many attempts it has at most.
    public var maxAttempts: Int { maxRetries + 1 }
}

extension JobMessage {
    /// Stands in lists for a message that can't be read.
    ///
    /// - Parameter isNewer: whether a later version wrote it: then nothing is wrong with it.
    package static func unreadable(id: JobID, queue: String, isNewer: Bool = false) -> JobMessage {
        JobMessage(
            id: id, queue: queue, type: isNewer ? "newer" : "unreadable", payload: [], priority: 0, maxRetries: 0,
            backoff: nil,
            timeout: nil,
            deadline: nil, unique: nil, retention: .standard, tags: [], trace: .root(), runAt: nil,
            enqueuedAt: Timestamp(milliseconds: 0), contentDigest: nil)
    }
}
