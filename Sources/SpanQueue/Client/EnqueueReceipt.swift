// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import SpanQueueTelemetry

/// The engine's word that a job is in the queue.
///
/// It tells of the job that is there: of the one that was enqueued, or, where nothing was added because its id is known or another
/// holds its lock, of that one.
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
