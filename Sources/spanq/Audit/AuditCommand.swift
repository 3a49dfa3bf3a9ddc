// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Logging
import SpanQueue
import SpanQueueCommand
import SpanQueuePostgres
import SpanQueueRedis

/// `spanq audit`
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Check that no job is lost, stuck or counted wrong, while workers run.",
        discussion: """
            It changes nothing, and holds up nobody. With --repair it fixes what can be fixed without a loss, and audits again.

            Exit codes: 0 nothing is wrong, 1 something is, 2 usage, 3 no such queue, 4 the engine out of reach.
            """)

    @Option(help: ArgumentHelp("Only this queue; repeat it for several.", valueName: "name"))
    var queue: [String] = []

    @Flag(help: "Fix what can be fixed without a loss.")
    var repair = false

    @Option(
        help: ArgumentHelp(
            "How often workers reclaim a job before they bury it; 3 unless set.", valueName: "count"))
    var maxReclaims: String?

    @OptionGroup var confirmation: Confirmation
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if confirmation.yes, !repair { throw ValidationError("--yes is the answer to --repair: give both or neither") }
        for name in queue { try NameRule.queue.validate(name) }
    }

    func run() async throws {
        if repair, !confirmation.yes, !Console.canAsk {
            throw CommandFailure.usage("--repair asks first, and there is no terminal to ask on: add --yes")
        }
        var reader = try global.reader([.maxReclaims: maxReclaims])
        var settings = try ConnectionSettings(&reader, logLevel: .error)
        settings.engine.waitsForServer = false
        let reclaims = try reader.integer(.maxReclaims, default: ReclaimRequest.standardMaxReclaims) {
            var worker = WorkerConfiguration()
            worker.maxReclaims = $0
            try worker.check()
        }
        let audit = try await settings.auditor()
        let isClean: Bool
        do {
            isClean = try await run(audit, maxReclaims: reclaims)
        } catch {
            await audit.shutdown()
            throw error
        }
        await audit.shutdown()
        if !isClean { throw ExitCode(CommandExit.failed.rawValue) }
    }

    /// - Returns: whether nothing is wrong, in the end.
    private func run(_ audit: any EngineAuditor, maxReclaims: Int) async throws -> Bool {
        let first = try await read(audit, maxReclaims)
        let repairable = first.violations.count { $0.rule.isRepairable }
        guard repair, repairable > 0 else {
            try AuditText.print(first, repaired: nil, json: global.json)
            return first.violations.isEmpty
        }
        if !global.json { AuditText.printViolations(first) }
        let all = first.violations.count
        try confirmation.require("Fix \(repairable) of \(all) violation\(all == 1 ? "" : "s")?")
        let outcomes = try await audit.repair(first.violations)
        let last = try await read(audit, maxReclaims)
        try AuditText.print(last, repaired: outcomes, json: global.json)
        return last.violations.isEmpty
    }

    private func read(_ audit: any EngineAuditor, _ maxReclaims: Int) async throws -> AuditReport {
        let line = ProgressLine()
        defer { line.clear() }
        let report = try await audit.run(queues: queue.isEmpty ? nil : queue, maxReclaims: maxReclaims) {
            line.show($0)
        }
        let unlisted = Set(report.violations.filter { $0.rule == .queueNotListed }.map(\.subject))
        for name in queue where !report.listed.contains(name) && !unlisted.contains(name) {
            throw CommandFailure.notFound("no queue \(name): see spanq queue list")
        }
        return report
    }
}

extension ConnectionSettings {
    /// Connects what checks the engine that these settings choose.
    fileprivate func auditor() async throws -> any EngineAuditor {
        guard let postgresURL else { return try await RedisAudit(redisURL, engine, logger: logger()) }
        return try await PostgresAudit(postgresURL, postgresOptions, logger: logger())
    }
}
