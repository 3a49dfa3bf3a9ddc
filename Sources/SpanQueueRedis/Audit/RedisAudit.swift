// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
package import Logging
package import SpanQueue

/// Checks what must hold in Redis while producers and workers are at work: that no job is lost, none is in two states, every
/// active one has a lease, every lock an owner, and so on (``AuditRule``). It reads in short steps, and reports only what was wrong
/// each time it looked.
///
/// ```swift
/// let audit = try await RedisAudit("redis://localhost:6379")
/// let report = try await audit.run()
/// #expect(report.violations.isEmpty)
/// await audit.shutdown()
/// ```
package final class RedisAudit: EngineAuditor {
    /// The most violations of one queue that are kept.
    package static let maximumViolations = AuditReport.maximumViolations
    /// The most jobs of one queue that are looked at again: on a busy queue some are only on their way.
    static let maximumSuspects = 200_000

    private let engine: RedisEngine

    /// Connects, and checks the server and the version of its layout.
    ///
    /// - Parameters:
    ///   - url: as for `EngineSource.redis`.
    ///   - options: of these the command timeout, 5 seconds unless set, and whether eviction is allowed.
    /// - Throws: `SpanQueueError`, such as `.invalidArgument` for the URL, or `.unavailable`.
    package convenience init(
        _ url: String, _ options: RedisEngineOptions = RedisEngineOptions(), logger: Logger = Logger(label: "spanq")
    ) async throws {
        try await self.init(url, options, scripts: .embedded, logger: logger)
    }

    /// - Parameter scripts: others than the embedded ones, to show that tests notice a script that is wrong.
    package init(_ url: String, _ options: RedisEngineOptions, scripts: Scripts, logger: Logger) async throws {
        engine = try await RedisEngine.started(url, options, scripts: scripts, logger: logger)
    }

    /// Lets go of the connection.
    package func shutdown() async {
        await engine.shutdown()
    }

    /// Audits.
    ///
    /// - Parameters:
    ///   - queues: which; nil for all, and for the keys that belong to none. A queue that is not listed counts as well if it has keys.
    ///   - maxReclaims: how often a worker takes a job back until it buries it, 3 unless set: a setting of the workers, which Redis does
    ///     not hold.
    ///   - progress: told after each step.
    /// - Throws: `SpanQueueError`; `CancellationError` if the task is cancelled.
    package func run(
        queues: [String]? = nil, maxReclaims: Int = 3,
        progress: @escaping (AuditProgress) -> Void = { _ in }
    ) async throws -> AuditReport {
        let start = ContinuousClock.now
        let session = AuditSession(engine: engine, maxReclaims: maxReclaims, progress: progress)
        var violations = try await KeyAudit(session: session, queues: queues).run()
        // Without the right types scripts fail, here and in workers.
        let unusable = Set(violations.filter { $0.rule == .wrongType }.map(\.subject))
        let listed = unusable.contains(RedisKeys.queues) ? [] : try await engine.queues()
        let unlisted = violations.filter { $0.rule == .queueNotListed }.map(\.subject)
        let names = queues ?? Set(listed + unlisted).sorted()
        let usable = names.filter { name in !RedisKeys(queue: name).all.contains(where: unusable.contains) }
        for (index, queue) in usable.enumerated() {
            let share = (Double(index) / Double(usable.count), 1 / Double(usable.count))
            var audit = QueueAudit(session: session, queue: queue, share: share)
            let found: [AuditViolation]
            do {
                found = try await audit.run()
            } catch let error as SpanQueueError where error.code == .unsupported {
                session.report.skipped.append(queue)
                continue
            }
            violations += found.prefix(Self.maximumViolations)
            if audit.isCut || found.count > Self.maximumViolations { session.report.isCut = true }
        }
        session.report.listed = listed
        session.report.queues = usable.filter { !session.report.skipped.contains($0) }
        session.report.violations = Set(violations).sorted()
        session.report.duration = ContinuousClock.now - start
        return session.report
    }

    /// Repairs what can be repaired without a loss, each violation in one step that first checks that it is still so. The totals of the
    /// queues that were repaired are set right at the end.
    ///
    /// - Returns: what became of each, in order; then of totals that were set right besides.
    package func repair(_ violations: [AuditViolation]) async throws -> [RepairOutcome] {
        let order = Dictionary(uniqueKeysWithValues: zip(AuditRule.allCases, 0...))
        var outcomes: [RepairOutcome] = []
        var repairedQueues: Set<String> = []
        for violation in violations.sorted(by: { (order[$0.rule] ?? 0) < (order[$1.rule] ?? 0) }) {
            let isRepaired = violation.rule.isRepairable ? try await engine.repair(violation) : false
            outcomes.append(RepairOutcome(violation: violation, isRepaired: isRepaired))
            if isRepaired, let queue = violation.queue, violation.rule != .totals { repairedQueues.insert(queue) }
        }
        for queue in repairedQueues.sorted() {
            let totals = AuditViolation(.totals, queue: queue, subject: queue, "what was repaired counts as well")
            if try await engine.repair(totals) { outcomes.append(RepairOutcome(violation: totals, isRepaired: true)) }
        }
        return outcomes
    }
}

extension RedisEngine {
    /// Repairs one violation, if it is still there.
    ///
    /// - Returns: whether something was repaired.
    func repair(_ violation: AuditViolation) async throws -> Bool {
        switch violation.rule {
        case .queueNotListed:
            return try await send(RESPCommand("SADD", RedisKeys.queues, violation.subject)).integer() == 1
        case .workerKeyWithoutTTL:
            // A worker that is alive sets a TTL of its own at its next announcement.
            return try await send(RESPCommand("PEXPIRE", violation.subject, "30000", "NX")).integer() == 1
        default:
            guard let queue = violation.queue else { return false }
            return try await repair(violation, in: keys(queue))
        }
    }

    private func repair(_ violation: AuditViolation, in keys: RedisKeys) async throws -> Bool {
        let evidence = violation.evidence
        // Sent again after a lost reply it does no harm: the damage is then gone.
        let reply = try await call(
            RedisScriptCall(scripts.repair, keys: keys.all) { arguments in
                arguments.append(violation.rule.rawValue)
                arguments.append(evidence.id)
                arguments.append(evidence.stamp)
                arguments.append(evidence.run)
                arguments.append(evidence.digest)
                arguments.append(evidence.value)
            })
        return try reply.integer() > 0
    }
}
