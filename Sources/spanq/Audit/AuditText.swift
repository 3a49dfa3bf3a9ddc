import SpanQueue
import SpanQueueRedis

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
