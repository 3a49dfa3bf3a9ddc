// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueAdmin

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

/// An audit's result for people, or as JSON.
enum AuditText {
    static func print(_ report: AuditReport, repaired outcomes: [RepairOutcome]?, json: Bool) throws {
        if json { return try JSONLine.print(AuditOutput(report, repaired: outcomes)) }
        if let outcomes {
            for outcome in outcomes {
                let subject = Table.clean(outcome.violation.subject)
                Console.print(
                    "\(outcome.isRepaired ? "repaired" : "left") \(outcome.violation.rule.rawValue) \(subject)")
            }
        }
        printViolations(report)
        for queue in report.skipped {
            Console.print(
                "not audited: \(Table.clean(queue)) uses features that this version does not know; upgrade SpanQueue")
        }
        Console.print(summary(report))
    }

    /// A table of what is wrong, then what to do about each kind of it.
    static func printViolations(_ report: AuditReport) {
        guard !report.violations.isEmpty else { return }
        var table = Table(.text("RULE"), .text("QUEUE"), .text("SUBJECT"), .text("WHAT"))
        for violation in report.violations {
            table.add(violation.rule.rawValue, violation.queue ?? "-", violation.subject, violation.detail)
        }
        table.print()
        let rules = Set(report.violations.map(\.rule))
        Console.print("")
        for rule in AuditRule.allCases where rules.contains(rule) { Console.print("\(rule.rawValue): \(rule.remedy)") }
        if report.isCut { Console.print("There are more than are shown: repair these, and audit again.") }
    }

    static func summary(_ report: AuditReport) -> String {
        let queues = counted(report.queues.count, "queue")
        let read =
            "\(counted(report.jobs, "job")) of \(queues) read in \(ElapsedText.format(report.duration)), "
            + "longest step \(ElapsedText.format(report.longestStep))"
        guard !report.violations.isEmpty else { return "clean: \(read)" }
        let repairable = report.violations.count { $0.rule.isRepairable }
        let offer = repairable == 0 ? "none of which --repair fixes" : "of which --repair fixes \(repairable)"
        return "\(counted(report.violations.count, "violation")), \(offer): \(read)"
    }

    private static func counted(_ count: Int, _ word: String) -> String { "\(count) \(word)\(count == 1 ? "" : "s")" }
}
