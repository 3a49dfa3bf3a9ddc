import SpanQueue
import SpanQueueRedis

/// An audit's result as `--json` shows it.
struct AuditOutput: Encodable {
    let clean: Bool
    let violations: [ViolationOutput]
    /// Whether there were more violations than are listed.
    let cut: Bool
    let queues: [String]
    /// Queues that were not audited, because they use features that this version does not know.
    let skipped: [String]
    let jobs: Int
    let steps: Int
    let seconds: Double
    let longestStepSeconds: Double
    @OrNull var repaired: [RepairOutput]?

    private enum CodingKeys: String, CodingKey {
        case clean, violations, cut, queues, skipped, jobs, steps, seconds, repaired
        case longestStepSeconds = "longest_step_seconds"
    }

    init(_ report: AuditReport, repaired outcomes: [RepairOutcome]?) {
        clean = report.violations.isEmpty
        violations = report.violations.map(ViolationOutput.init)
        cut = report.isCut
        queues = report.queues
        skipped = report.skipped
        jobs = report.jobs
        steps = report.steps
        seconds = report.duration.inSeconds
        longestStepSeconds = report.longestStep.inSeconds
        repaired = outcomes?.map(RepairOutput.init)
    }
}

/// One violation.
struct ViolationOutput: Encodable {
    let rule: AuditRule
    let invariant: Int
    @OrNull var queue: String?
    let subject: String
    let detail: String
    let repairable: Bool
    let remedy: String

    init(_ violation: AuditViolation) {
        rule = violation.rule
        invariant = violation.rule.invariant
        subject = violation.subject
        detail = violation.detail
        repairable = violation.rule.isRepairable
        remedy = violation.rule.remedy
        queue = violation.queue
    }
}

/// What became of one violation in a repair.
struct RepairOutput: Encodable {
    let rule: AuditRule
    @OrNull var queue: String?
    let subject: String
    let repaired: Bool

    init(_ outcome: RepairOutcome) {
        rule = outcome.violation.rule
        subject = outcome.violation.subject
        repaired = outcome.isRepaired
        queue = outcome.violation.queue
    }
}
