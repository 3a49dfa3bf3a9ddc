// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Something in an engine's store that must not be.
package struct AuditViolation: Sendable, Hashable {
    /// What is broken.
    package let rule: AuditRule
    /// The queue; nil for a key that belongs to none.
    package let queue: String?
    /// The job's id; of a lock without an owner the lock's digest in hex, of a key its name, of totals the queue.
    package let subject: String
    /// What was seen, in words.
    package let detail: String
    package let evidence: Evidence

    /// What a repair compares before it changes anything.
    package struct Evidence: Sendable, Hashable {
        /// The job that must not have changed: the subject itself, or a lock's owner.
        package var id = ""
        /// The first 13 bytes of its message and its run; empty where there is none.
        package var stamp: [UInt8] = []
        package var run: [UInt8] = []
        package var digest: [UInt8] = []
        /// The lock, lease or token that was seen.
        package var value: [UInt8] = []

        package init(
            id: String = "", stamp: [UInt8] = [], run: [UInt8] = [], digest: [UInt8] = [], value: [UInt8] = []
        ) {
            self.id = id
            self.stamp = stamp
            self.run = run
            self.digest = digest
            self.value = value
        }
    }

    package init(
        _ rule: AuditRule, queue: String?, subject: String, _ detail: String, evidence: Evidence = Evidence()
    ) {
        self.rule = rule
        self.queue = queue
        self.subject = subject
        self.detail = detail
        self.evidence = evidence
    }

    /// Violations are the same when they are of one rule and one thing, whatever was seen of it.
    package static func == (left: AuditViolation, right: AuditViolation) -> Bool {
        left.rule == right.rule && left.queue == right.queue && left.subject == right.subject
    }

    /// Agrees with `==`.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(rule)
        hasher.combine(queue)
        hasher.combine(subject)
    }
}

extension AuditViolation: Comparable {
    /// By queue, then by rule, then by subject.
    package static func < (left: AuditViolation, right: AuditViolation) -> Bool {
        (left.queue ?? "", left.rule.rawValue, left.subject) < (right.queue ?? "", right.rule.rawValue, right.subject)
    }
}
