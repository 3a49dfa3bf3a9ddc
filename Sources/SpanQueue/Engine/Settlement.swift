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
    /// It is called off.
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
