/// What an audit found.
public struct AuditReport: Sendable {
    /// The violations that were there each time they were looked at, by queue, rule and subject.
    public internal(set) var violations: [AuditViolation] = []
    /// Whether there was more wrong than is kept of: ``RedisAudit/maximumViolations`` for each queue.
    public internal(set) var isCut = false
    /// The queues that were audited: all that were asked for, but for those with a key of a wrong type.
    public internal(set) var queues: [String] = []
    /// Queues that were not audited: they use features that this version does not know. Upgrade SpanQueue to audit them.
    public internal(set) var skipped: [String] = []
    /// All queues that are listed.
    public internal(set) var listed: [String] = []
    /// The jobs that were read.
    public internal(set) var jobs = 0
    /// The calls of Redis.
    public internal(set) var steps = 0
    /// The longest of them, the way to Redis and back included.
    public internal(set) var longestStep = Duration.zero
    /// How long it all took.
    public internal(set) var duration = Duration.zero
}

/// How far an audit has come.
public struct AuditProgress: Sendable {
    /// The queue that is audited; nil while the names of keys are.
    public let queue: String?
    /// 0 to 1, of the whole audit.
    public let fraction: Double
}

/// What became of a violation that was to be repaired.
public struct RepairOutcome: Sendable {
    /// The violation.
    public let violation: AuditViolation
    /// Whether it was repaired. If not it had changed meanwhile, or is one for a person.
    public let isRepaired: Bool
}
