/// All that the engine knows of a job.
public struct JobRecord: Sendable, Hashable {
    /// What the enqueue fixed.
    public var message: JobMessage
    /// Where it stands.
    public var state: JobState
    /// What has happened to it.
    public var run: RunRecord
    /// For a scheduled or retrying job, when it is due.
    public var dueAt: Timestamp?
    /// For an active job, the claim under which it runs.
    public var claim: ActiveClaim?
    /// Whether a cancel was asked for that its worker has not heard of yet.
    public var cancelRequested: Bool

    package init(
        message: JobMessage, state: JobState, run: RunRecord, dueAt: Timestamp? = nil, claim: ActiveClaim? = nil,
        cancelRequested: Bool = false
    ) {
        self.message = message
        self.state = state
        self.run = run
        self.dueAt = dueAt
        self.claim = claim
        self.cancelRequested = cancelRequested
    }

    /// The number of the attempt that runs, or else of the latest that ended; 0 before the first.
    public var attempt: Int { state == .active ? run.attempts + 1 : run.attempts }
}

/// The claim that holds an active job.
public struct ActiveClaim: Sendable, Hashable {
    /// The claim's token.
    public var token: FencingToken
    /// The worker that holds it.
    public var worker: String
    /// When it was made.
    public var claimedAt: Timestamp
    /// When it lapses unless it is extended.
    public var leaseExpiresAt: Timestamp

    package init(token: FencingToken, worker: String, claimedAt: Timestamp, leaseExpiresAt: Timestamp) {
        self.token = token
        self.worker = worker
        self.claimedAt = claimedAt
        self.leaseExpiresAt = leaseExpiresAt
    }
}
