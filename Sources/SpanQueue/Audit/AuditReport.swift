// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What an audit found.
package struct AuditReport: Sendable {
    /// The most violations of one queue that are kept.
    package static let maximumViolations = 10_000

    package init() {}

    /// The violations that were there each time they were looked at, by queue, rule and subject.
    package var violations: [AuditViolation] = []
    /// Whether there was more wrong than is kept of: ``maximumViolations`` for each queue.
    package var isCut = false
    /// The queues that were audited: all that were asked for, but for those with a key of a wrong type.
    package var queues: [String] = []
    /// Queues that were not audited: they use features that this version does not know. Upgrade SpanQueue to audit them.
    package var skipped: [String] = []
    /// All queues that are listed.
    package var listed: [String] = []
    /// The jobs that were read.
    package var jobs = 0
    /// The calls of the engine.
    package var steps = 0
    /// The longest of them, the way there and back included.
    package var longestStep = Duration.zero
    /// How long it all took.
    package var duration = Duration.zero
}

/// How far an audit has come.
package struct AuditProgress: Sendable {
    /// The queue that is audited; nil while the names of keys are.
    package let queue: String?
    /// 0 to 1, of the whole audit.
    package let fraction: Double

    package init(queue: String?, fraction: Double) {
        self.queue = queue
        self.fraction = fraction
    }
}

/// What became of a violation that was to be repaired.
package struct RepairOutcome: Sendable {
    /// The violation.
    package let violation: AuditViolation
    /// Whether it was repaired. If not it had changed meanwhile, or is one for a person.
    package let isRepaired: Bool

    package init(violation: AuditViolation, isRepaired: Bool) {
        self.violation = violation
        self.isRepaired = isRepaired
    }
}
