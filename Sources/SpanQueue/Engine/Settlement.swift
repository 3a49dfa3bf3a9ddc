/// How an attempt is to end.
public enum Verdict: Sendable, Hashable {
    /// The job is done.
    case complete
    /// It is tried again after this long.
    case retry(after: Duration)
    /// It becomes a dead letter.
    case bury(DeadReason)
    /// It goes back to the head of its queue, and no attempt is charged.
    case release
    /// It is cancelled.
    case cancel(reason: String)

    /// The word for it in the job's history.
    public var outcome: AttemptOutcome {
        switch self {
        case .complete: .completed
        case .retry: .retried
        case .bury: .buried
        case .release: .released
        case .cancel: .cancelled
        }
    }
}

/// The end of one attempt, on its way to the engine. A class for the reason that a `ClaimedJob` is one.
public final class Settlement: Sendable, Hashable {
    /// The claim under which it ran.
    public let reference: ClaimReference
    /// How it ends.
    public let verdict: Verdict
    /// The job's record with this attempt in it, but for the attempt's `endedAt`, which the engine's clock fixes.
    public let run: RunRecord
    /// What the engine must know of the message to settle without reading it.
    public let terms: JobTerms

    package init(reference: ClaimReference, verdict: Verdict, run: RunRecord, terms: JobTerms) {
        self.reference = reference
        self.verdict = verdict
        self.run = run
        self.terms = terms
    }

    /// Whether two settlements say the same of the same claim.
    public static func == (left: Settlement, right: Settlement) -> Bool {
        left.reference == right.reference && left.verdict == right.verdict && left.run == right.run
            && left.terms == right.terms
    }

    /// Hashes the claim.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(reference)
    }
}

/// The parts of a message that decide what a settlement must touch.
public struct JobTerms: Sendable, Hashable {
    /// Its priority.
    public var priority: Int
    /// Its lock, if it is a unique job.
    public var unique: UniqueLock?
    /// How long its record is kept.
    public var retention: Retention

    package init(priority: Int = 0, unique: UniqueLock? = nil, retention: Retention = .standard) {
        self.priority = priority
        self.unique = unique
        self.retention = retention
    }

    package init(_ message: JobMessage) {
        self.init(priority: message.priority, unique: message.unique, retention: message.retention)
    }
}

/// Whether a settlement counted.
public enum SettleOutcome: Sendable, Hashable {
    /// It ended the attempt, now or in an earlier call with the same token.
    case settled
    /// The claim was no longer this worker's; nothing was changed.
    case lost
}

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
