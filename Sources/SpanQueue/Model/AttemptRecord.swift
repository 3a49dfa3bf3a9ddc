public import SpanQueueTelemetry

/// How an attempt ended.
public enum AttemptOutcome: String, Sendable, Hashable, Codable, CaseIterable {
    /// The handler returned.
    case completed
    /// The handler failed, and the job is tried again.
    case retried
    /// The job became a dead letter.
    case buried
    /// The job was called off.
    case cancelled
    /// The worker did not extend its lease: it died, hung, or was cut off.
    case lost
    /// The worker gave the job back unharmed, at a drain; this is not counted as an attempt.
    case released
}

/// One attempt at a job, as its record tells it.
public struct AttemptRecord: Sendable, Hashable {
    /// 1 for the first; an attempt that was lost or released has the number of the one that follows it.
    public var number: Int
    /// The claim under which it ran.
    public var token: FencingToken
    /// The worker that ran it.
    public var worker: String
    /// The earliest moment at which it could have been claimed.
    public var eligibleAt: Timestamp
    /// When it was claimed.
    public var claimedAt: Timestamp
    /// When it was settled, or found lost.
    public var endedAt: Timestamp
    /// How it ended.
    public var outcome: AttemptOutcome
    /// For a retry, how long after `endedAt` the next attempt is due.
    public var retryDelay: Duration?
    /// For a job that died of it, why.
    public var reason: String?
    /// A short name of what went wrong, fit for a label.
    public var errorType: String?
    /// What went wrong, in words.
    public var error: String?

    package init(
        number: Int, token: FencingToken, worker: String, eligibleAt: Timestamp, claimedAt: Timestamp,
        endedAt: Timestamp, outcome: AttemptOutcome, retryDelay: Duration? = nil, reason: String? = nil,
        errorType: String? = nil, error: String? = nil
    ) {
        self.number = number
        self.token = token
        self.worker = worker
        self.eligibleAt = eligibleAt
        self.claimedAt = claimedAt
        self.endedAt = endedAt
        self.outcome = outcome
        self.retryDelay = retryDelay
        self.reason = reason
        self.errorType = errorType
        self.error = error
    }

    /// Whether it counts as one of the job's attempts: those that were lost or given back do not, nor those for which the worker
    /// had no handler or that came after the job's deadline.
    public var isCharged: Bool {
        switch outcome {
        case .lost, .released: false
        case .completed, .retried, .buried, .cancelled: errorType != "unknown_job_type" && errorType != "expired"
        }
    }

    /// The span of this attempt at a job.
    public func spanID(of job: JobID) -> SpanID { token.spanID(of: job) }
}

extension FencingToken {
    /// The span of the attempt that runs under this token: a function of the claim, so that nobody has to store it. The job's id
    /// is part of it, because the jobs of one claim share a token.
    package func spanID(of job: JobID) -> SpanID {
        .derived(from: job.fingerprint, UInt64(bitPattern: value), UInt64(nonce))
    }
}

extension JobID {
    /// 64 bits of the id by FNV-1a (RFC 9923): the same in every process, unlike Swift's own hash.
    package var fingerprint: UInt64 {
        var text = description
        return text.withUTF8 { bytes in
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
            return hash
        }
    }
}
