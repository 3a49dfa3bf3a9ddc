// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging
import PostgresClient
package import SpanQueue

/// Checks what must hold in Postgres while producers and workers are at work: that no job is lost, none is in two states, every lock has
/// an owner, and what is counted is there. Each queue is looked at by one statement, which sees one moment: what it finds wrong is wrong.
/// It holds no lock, but while it runs vacuum removes nothing.
package final class PostgresAudit: EngineAuditor {
    /// How long the look at one queue may take.
    private static let patience = Duration.seconds(600)

    private let engine: PostgresEngine
    /// Whether the engine is ours to shut down.
    private let isOwner: Bool

    /// Connects, and checks that the schema is one that we know.
    ///
    /// - Throws: `SpanQueueError`, such as `.invalidArgument` for the URL, or `.unavailable`.
    package init(
        _ url: String, _ options: PostgresEngineOptions = PostgresEngineOptions(),
        logger: Logger = Logger(label: "spanq")
    ) async throws {
        let (url, schema) = try options.checked(url)
        engine = PostgresEngine(
            url: url, schema: schema, options: options, environment: EngineEnvironment(logger: logger))
        isOwner = true
        do {
            try await engine.start()
        } catch {
            await engine.shutdown()
            throw error
        }
    }

    /// Audits through an engine that somebody else has started; nil where that is another one.
    package init?(of engine: any Engine) {
        guard let engine = engine as? PostgresEngine else { return nil }
        self.engine = engine
        isOwner = false
    }

    package func shutdown() async {
        if isOwner { await engine.shutdown() }
    }

    package func run(
        queues: [String]? = nil, maxReclaims: Int = ReclaimRequest.standardMaxReclaims,
        progress: @escaping (AuditProgress) -> Void = { _ in }
    ) async throws -> AuditReport {
        let start = ContinuousClock.now
        var report = AuditReport()
        report.listed = try await engine.queues()
        if queues == nil { report.violations += try await lostQueues() }
        let names = queues ?? report.listed
        for (index, queue) in names.enumerated() {
            progress(AuditProgress(queue: queue, fraction: Double(index) / Double(names.count)))
            let begin = ContinuousClock.now
            do {
                try await look(at: queue, maxReclaims, into: &report)
                report.queues.append(queue)
            } catch let error as SpanQueueError where error.code == .unsupported {
                report.skipped.append(queue)
            }
            report.steps += 1
            report.longestStep = max(report.longestStep, ContinuousClock.now - begin)
        }
        report.violations = Set(report.violations).sorted()
        report.duration = ContinuousClock.now - start
        return report
    }

    private func lostQueues() async throws -> [AuditViolation] {
        let rows = try await engine.call(
            PostgresCall("audit_lost", engine.statements.auditLost), timeout: Self.patience)
        return try engine.read { () throws(PostgresError) in
            var violations: [AuditViolation] = []
            for row in 0..<rows.count {
                let number = try rows.integer(row, 0)
                violations.append(
                    AuditViolation(
                        .queueNotListed, queue: nil, subject: "#\(number)",
                        "there are rows of a queue of this number, and it has no name: it will be lost-\(number)"))
            }
            return violations
        }
    }

    private func look(at queue: String, _ maxReclaims: Int, into report: inout AuditReport) async throws {
        let most = AuditReport.maximumViolations
        let rows = try await engine.call(
            PostgresCall("audit", engine.statements.audit, [.text(queue), .int4(maxReclaims), .int4(most + 1)]),
            timeout: Self.patience)
        if rows.count > most + 1 { report.isCut = true }
        try engine.read { () throws(PostgresError) in
            for row in 0..<rows.count {
                guard let word = try rows.optionalText(row, 0) else {
                    report.jobs += Int(try rows.integer(row, 3))
                    continue
                }
                guard let rule = AuditRule(rawValue: word) else {
                    throw PostgresError(.protocolViolation, "the audit knows no rule \(word)")
                }
                guard row < most else { continue }
                report.violations.append(
                    AuditViolation(
                        rule, queue: queue, subject: try rows.text(row, 1),
                        Excerpt.printable(try rows.text(row, 2), limit: 400)))
            }
        }
    }

    package func repair(_ violations: [AuditViolation]) async throws -> [RepairOutcome] {
        let order = Dictionary(uniqueKeysWithValues: zip(AuditRule.allCases, 0...))
        var outcomes: [RepairOutcome] = []
        var repairedQueues: Set<String> = []
        for violation in violations.sorted(by: { (order[$0.rule] ?? 0) < (order[$1.rule] ?? 0) }) {
            let isRepaired = violation.rule.isRepairable ? try await repair(violation) : false
            outcomes.append(RepairOutcome(violation: violation, isRepaired: isRepaired))
            if isRepaired, let queue = violation.queue, violation.rule != .totals { repairedQueues.insert(queue) }
        }
        for queue in repairedQueues.sorted() {
            let totals = AuditViolation(.totals, queue: queue, subject: queue, "what was repaired counts as well")
            if try await repair(totals) { outcomes.append(RepairOutcome(violation: totals, isRepaired: true)) }
        }
        return outcomes
    }

    /// Made again after a lost answer it does no harm: the damage is then gone.
    private func repair(_ violation: AuditViolation) async throws -> Bool {
        let rows = try await engine.call(
            PostgresCall(
                "repair", engine.statements.repair,
                [.text(violation.queue), .text(violation.rule.rawValue), .text(violation.subject)]),
            timeout: Self.patience)
        return try engine.read { () throws(PostgresError) in try rows.bool(0, 0) }
    }
}
