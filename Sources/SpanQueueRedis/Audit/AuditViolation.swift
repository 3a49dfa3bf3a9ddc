/// Something in Redis that must not be.
public struct AuditViolation: Sendable, Hashable {
    /// What is broken.
    public let rule: AuditRule
    /// The queue; nil for a key that belongs to none.
    public let queue: String?
    /// The job's id; of a lock without an owner the lock's digest in hex, of a key its name, of totals the queue.
    public let subject: String
    /// What was seen, in words.
    public let detail: String
    let evidence: Evidence

    /// What a repair compares before it changes anything.
    struct Evidence: Sendable, Hashable {
        /// The job that must not have changed: the subject itself, or a lock's owner.
        var id = ""
        /// The first 13 bytes of its message and its run; empty where there is none.
        var stamp: [UInt8] = []
        var run: [UInt8] = []
        var digest: [UInt8] = []
        /// The lock, lease or token that was seen.
        var value: [UInt8] = []
    }

    init(
        _ rule: AuditRule, queue: String?, subject: String, _ detail: String, evidence: Evidence = Evidence()
    ) {
        self.rule = rule
        self.queue = queue
        self.subject = subject
        self.detail = detail
        self.evidence = evidence
    }

    /// Violations are the same when they are of one rule and one thing, whatever was seen of it.
    public static func == (left: AuditViolation, right: AuditViolation) -> Bool {
        left.rule == right.rule && left.queue == right.queue && left.subject == right.subject
    }

    /// Agrees with `==`.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(rule)
        hasher.combine(queue)
        hasher.combine(subject)
    }
}
