public import SpanQueueTelemetry

/// The engine's word that a job is in the queue.
public struct EnqueueReceipt: Sendable, Hashable {
    /// The job's id; for a duplicate, the id of the job that is there already.
    public var id: JobID
    /// Its type.
    public var type: String
    /// Its queue.
    public var queue: String
    /// When the engine accepted it; nil for a duplicate.
    public var enqueuedAt: Timestamp?
    /// When it is due, if that lay in the future at enqueue.
    public var runAt: Timestamp?
    /// Whether nothing was added, because another job holds the lock that this one wanted.
    public var isDuplicate: Bool
    /// The trace that the enqueue belongs to.
    public var traceID: TraceID

    /// Where the job stood right after the enqueue; nil for a duplicate, of which only the id is known.
    public var state: JobState? { isDuplicate ? nil : runAt == nil ? .ready : .scheduled }
}

/// What became of one of many jobs.
public enum EnqueueResult: Sendable {
    /// It is in the queue.
    case accepted(EnqueueReceipt)
    /// It was not added, because the job that the receipt names holds its lock.
    case duplicate(EnqueueReceipt)
    /// It was not added, for this reason; the others of the call are not touched by that.
    case refused(SpanQueueError)

    /// The receipt; throws the reason of a refusal.
    public func get() throws(SpanQueueError) -> EnqueueReceipt {
        switch self {
        case .accepted(let receipt), .duplicate(let receipt): return receipt
        case .refused(let error): throw error
        }
    }
}
