/// A request to take back jobs whose lease has run out.
public struct ReclaimRequest: Sendable, Hashable {
    /// The queue.
    public var queue: String
    /// The most jobs to take back in this call.
    public var limit: Int
    /// A job taken back this often is buried as a poison pill.
    public var maxReclaims: Int
    /// How long to hold back after a gap (a lost connection, a restarted engine), so that workers that are alive can extend
    /// their leases first.
    public var grace: Duration

    /// The most jobs one call takes back.
    public static let maximumBatch = 100
    /// How often a job is taken back until it is buried, unless configured.
    public static let standardMaxReclaims = 3

    package init(
        queue: String, limit: Int = maximumBatch, maxReclaims: Int = standardMaxReclaims, grace: Duration = .zero
    ) {
        self.queue = queue
        self.limit = limit
        self.maxReclaims = maxReclaims
        self.grace = grace
    }
}

/// A job that was taken back.
public struct ReclaimedJob: Sendable, Hashable {
    /// The claim that was lost.
    public var reference: ClaimReference
    /// Where the job stands now: ready, dead, or cancelled where that had been asked for.
    public var state: JobState
    /// What the enqueue fixed; nil where the record can't be read.
    public var message: JobMessage?
    /// Its history with the lost attempt in it; empty where the record can't be read.
    public var run: RunRecord

    package init(reference: ClaimReference, state: JobState, message: JobMessage?, run: RunRecord) {
        self.reference = reference
        self.state = state
        self.message = message
        self.run = run
    }
}

/// What a sweep did.
package struct SweepReply: Sendable, Hashable {
    /// How many records and locks were dropped.
    package var dropped: Int
    /// Whether nothing more was left to drop; else sweep again soon.
    package var isFinished: Bool

    package init(dropped: Int, isFinished: Bool) {
        self.dropped = dropped
        self.isFinished = isFinished
    }
}
