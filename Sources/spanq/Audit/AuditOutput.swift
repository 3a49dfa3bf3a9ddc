import SpanQueue
import SpanQueueRedis

/// An audit's result as `--json` shows it.
struct AuditOutput: Encodable {
    let clean: Bool
    let violations: [ViolationOutput]
    /// Whether there were more violations than are listed.
    let cut: Bool
    let queues: [String]
    let jobs: Int
    let steps: Int
    let seconds: Double
    let longestStepSeconds: Double
    @OrNull var mended: [MendOutput]?

    private enum CodingKeys: String, CodingKey {
        case clean, violations, cut, queues, jobs, steps, seconds, mended
        case longestStepSeconds = "longest_step_seconds"
    }

    init(_ report: AuditReport, mended outcomes: [MendOutcome]?) {
        clean = report.violations.isEmpty
        violations = report.violations.map(ViolationOutput.init)
        cut = report.isCut
        queues = report.queues
        jobs = report.jobs
        steps = report.steps
        seconds = report.duration.inSeconds
        longestStepSeconds = report.longestStep.inSeconds
        mended = outcomes?.map(MendOutput.init)
    }
}

/// One violation.
struct ViolationOutput: Encodable {
    let rule: AuditRule
    let invariant: Int
    @OrNull var queue: String?
    let subject: String
    let detail: String
    let mendable: Bool
    let remedy: String

    init(_ violation: AuditViolation) {
        rule = violation.rule
        invariant = violation.rule.invariant
        subject = violation.subject
        detail = violation.detail
        mendable = violation.rule.isMendable
        remedy = violation.rule.remedy
        queue = violation.queue
    }
}

/// What became of one violation in a repair.
struct MendOutput: Encodable {
    let rule: AuditRule
    @OrNull var queue: String?
    let subject: String
    let mended: Bool

    init(_ outcome: MendOutcome) {
        rule = outcome.violation.rule
        subject = outcome.violation.subject
        mended = outcome.isMended
        queue = outcome.violation.queue
    }
}
