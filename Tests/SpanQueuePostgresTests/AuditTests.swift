// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import PostgresClient
import SpanQueue
import Testing

@testable import SpanQueuePostgres

/// An audit of a test's database.
enum PostgresAuditing {
    static func with<Result>(
        _ database: Database, _ body: (PostgresAudit) async throws -> Result
    ) async throws -> Result {
        var options = PostgresEngineOptions()
        options.schema = database.schema.name
        let audit = try await PostgresAudit(
            database.url.text, options, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        do {
            let result = try await body(audit)
            await audit.shutdown()
            return result
        } catch {
            await audit.shutdown()
            throw error
        }
    }

    static func violations(_ database: Database) async throws -> [AuditViolation] {
        try await with(database) { try await $0.run().violations }
    }
}

@Suite("audit of Postgres", .timeLimit(.minutes(3)))
struct AuditTests {
    struct Damage: Sendable, CustomTestStringConvertible {
        let rule: AuditRule
        let sql: String
        let subjects: Set<String>
        /// Whether what is counted is wrong by it as well.
        var breaksTotals = false

        var testDescription: String { "\(rule.rawValue): \(subjects.sorted())" }
    }

    /// Of the jobs that ``fill`` makes, each by its state.
    private static func nr(_ id: String) -> String { "(SELECT nr FROM spanq.job WHERE id = '\(id)')" }

    static let damages: [Damage] = [
        Damage(
            rule: .oneSet,
            sql: """
                INSERT INTO spanq.done (nr, queue, state, score, ended_at, last_token, run)
                SELECT nr, queue, 'c', 1, 1, 0, '\\x01000000' FROM spanq.job WHERE id IN ('ready', 'active')
                """, subjects: ["ready", "active"], breaksTotals: true),
        Damage(
            rule: .messageWithoutSet,
            sql:
                "DELETE FROM spanq.live WHERE nr = \(nr("ready")); DELETE FROM spanq.done WHERE nr = \(nr("completed"))",
            subjects: ["ready", "completed"], breaksTotals: true),
        // What was lost is counted as lost: then what is brought back must be counted.
        Damage(
            rule: .messageWithoutSet,
            sql:
                "DELETE FROM spanq.live WHERE nr = \(nr("ready")); INSERT INTO spanq.tally (queue, r) VALUES (1, -1)",
            subjects: ["ready"]),
        Damage(
            rule: .setWithoutMessage, sql: "DELETE FROM spanq.job WHERE id IN ('scheduled', 'cancelled')",
            subjects: ["#2", "#8"], breaksTotals: true),
        Damage(
            rule: .activeWithoutLease, sql: "UPDATE spanq.live SET worker = NULL WHERE nr = \(nr("active"))",
            subjects: ["active"]),
        Damage(
            rule: .orphanCancelling, sql: "UPDATE spanq.live SET cancel = '\\x31' WHERE nr = \(nr("ready"))",
            subjects: ["ready"]),
        Damage(
            rule: .unreadableMessage, sql: "UPDATE spanq.job SET message = '\\x01' WHERE id = 'dead'",
            subjects: ["dead"]),
        Damage(
            rule: .unreadableRun, sql: "UPDATE spanq.done SET run = '\\x00' WHERE nr = \(nr("dead"))",
            subjects: ["dead"]),
        Damage(
            rule: .attemptsExceeded,
            sql: "UPDATE spanq.live SET run = set_byte(run, 2, 5) WHERE nr = \(nr("retrying"))",
            subjects: ["retrying"]),
        Damage(
            rule: .reclaimsExceeded,
            sql: "UPDATE spanq.live SET run = set_byte(run, 3, 4) WHERE nr = \(nr("retrying"))",
            subjects: ["retrying"]),
        Damage(
            rule: .tokenOrder,
            sql: "UPDATE spanq.live SET run = run || substr(run, 5) WHERE nr = \(nr("retrying"))",
            subjects: ["retrying"]),
        Damage(
            rule: .deadWithoutReason, sql: "UPDATE spanq.done SET run = '\\x01000000' WHERE nr = \(nr("dead"))",
            subjects: ["dead"]),
        Damage(
            rule: .lockWithoutOwner,
            sql: """
                INSERT INTO spanq.lock SELECT queue, decode(lpad(to_hex(nr), 32, '0'), 'hex'), nr, id, NULL FROM spanq.job
                WHERE id IN ('ready', 'completed');
                INSERT INTO spanq.lock VALUES (1, '\\x00', 99, 'gone', NULL)
                """,
            subjects: [
                String(repeating: "0", count: 31) + "3", String(repeating: "0", count: 31) + "6", "00",
            ]),
        Damage(rule: .lockMissing, sql: "DELETE FROM spanq.lock", subjects: ["unique", "unstarted"]),
        Damage(
            rule: .totals, sql: "INSERT INTO spanq.tally (queue, r, d, enqueued) VALUES (1, 3, -1, 3)", subjects: ["q"],
            breaksTotals: true),
        Damage(
            rule: .totals, sql: "DELETE FROM spanq.tally", subjects: ["q"], breaksTotals: true),
    ]

    /// A job in each state, those with locks among them; numbers rise in the order of the list.
    private func fill(_ engine: PostgresEngine) async throws {
        func lock(_ byte: UInt8, _ span: UniqueSpan) -> UniqueLock {
            UniqueLock(digest: [UInt8](repeating: byte, count: 16), span: span)
        }
        _ = try await engine.enqueue([job("active")])
        #expect(try await engine.claim(claim(1)).jobs.count == 1)
        _ = try await engine.enqueue([job("scheduled", schedule: .after(.hours(1)))])
        _ = try await engine.enqueue([job("ready", schedule: .after(.hours(1)))])
        for (id, verdict) in [
            ("retrying", .retry(after: .hours(1))), ("completed", .complete), ("cancelled", .cancel(reason: "why")),
            ("dead", .bury(.permanent)),
        ] as [(JobID, Verdict)] {
            _ = try await engine.enqueue([job(id)])
            let claimed = try #require(try await engine.claim(claim(1)).jobs.first)
            #expect(claimed.message.id == id)
            _ = try await engine.settleAll([Settlement(claimed, verdict)])
        }
        #expect(try await engine.perform(.redrive, on: "ready", in: "q", by: nil) == .done(.ready))
        _ = try await engine.enqueue([
            job("unique", unique: lock(1, .untilFinished)), job("unstarted", unique: lock(2, .untilStarted)),
            job("for-a-time", unique: lock(3, .duration(.hours(1)))),
        ])
    }

    @Test("what is wrong is found, and repaired where nothing is lost by it", arguments: damages)
    func damage(damage: Damage) async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            try await fill(engine)
            try await PostgresAuditing.with(database) { audit in
                #expect(try await audit.run().violations.isEmpty)
                try await database.sql(damage.sql)
                let report = try await audit.run()
                #expect(Set(report.violations.filter { $0.rule == damage.rule }.map(\.subject)) == damage.subjects)
                let others = Set(report.violations.map(\.rule)).subtracting([damage.rule])
                #expect(
                    others == (damage.breaksTotals && damage.rule != .totals ? [.totals] : []), "\(report.violations)")
                #expect(report.queues == ["q"] && report.listed == ["q"] && report.skipped.isEmpty)
                let outcomes = try await audit.repair(report.violations)
                let isRepaired = damage.rule.isRepairable
                #expect(outcomes.filter { $0.violation.rule == damage.rule }.allSatisfy { $0.isRepaired == isRepaired })
                guard isRepaired else { return }
                #expect(try await audit.run().violations.isEmpty)
                // Nothing is left to repair.
                #expect(try await audit.repair(report.violations).allSatisfy { !$0.isRepaired })
                // What was kept, runs.
                let jobs = try await database.sql("SELECT count(*) FROM spanq.job")
                #expect(jobs == (damage.rule == .setWithoutMessage ? "8" : "10"))
                let counts = try await engine.counts(of: ["q"])[0]
                let inStates = counts.jobs.values.reduce(0, +)
                #expect("\(inStates)" == jobs && counts.totals.enqueued - counts.totals.removed == inStates)
            }
        }
    }

    @Test("a repair leaves a job where it runs, and brings back one that is nowhere as a dead letter")
    func repaired() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            try await fill(engine)
            try await database.sql(
                """
                \(Self.damages[0].sql);
                DELETE FROM spanq.live WHERE nr = \(Self.nr("unique"));
                UPDATE spanq.live SET nonce = NULL WHERE nr = \(Self.nr("active"))
                """)
            try await PostgresAuditing.with(database) { audit in
                let found = try await audit.run().violations
                // The lock of what becomes a dead letter goes with that.
                _ = try await audit.repair(found.filter { $0.rule != .lockWithoutOwner })
                #expect(try await audit.run().violations.isEmpty)
            }
            #expect(try await engine.job("ready", in: "q")?.state == .ready)
            let lost = try #require(try await engine.job("unique", in: "q"))
            #expect(lost.state == .dead && lost.run.endReason == "found_by_audit")
            // Its lock is free, so that it can be redriven.
            #expect(try await database.sql("SELECT count(*) FROM spanq.lock WHERE id = 'unique'") == "0")
            #expect(try await engine.perform(.redrive, on: "unique", in: "q", by: nil) == .done(.ready))
            #expect(try await engine.reclaim(ReclaimRequest(queue: "q")).map(\.reference.id) == ["active"])
        }
        #expect(try await PostgresAuditing.violations(database).isEmpty)
    }

    @Test("a lock until the start that a started job holds has no owner")
    func started() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let lock = UniqueLock(digest: [UInt8](repeating: 1, count: 16), span: .untilStarted)
            _ = try await engines[0].enqueue([job("a", unique: lock)])
            #expect(try await engines[0].claim(claim()).jobs.count == 1)
            try await database.sql(
                "INSERT INTO spanq.lock SELECT queue, decode(repeat('01', 16), 'hex'), nr, id, NULL FROM spanq.job")
            let found = try await PostgresAuditing.violations(database)
            #expect(found.map(\.rule) == [.lockWithoutOwner])
        }
    }

    @Test("rows of a queue without a name are found, and the queue gets one")
    func lost() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            try await fill(engines[0])
            try await database.sql("DELETE FROM spanq.queue")
            try await PostgresAuditing.with(database) { audit in
                let report = try await audit.run()
                #expect(report.violations.map(\.rule) == [.queueNotListed] && report.violations[0].subject == "#1")
                #expect(try await audit.repair(report.violations).map(\.isRepaired) == [true])
                let again = try await audit.run()
                #expect(again.violations.isEmpty && again.listed == ["lost-1"] && again.jobs == 10)
                // The next queue is another one.
                _ = try await engines[0].enqueue([job(in: "q")])
                #expect(try await engines[0].queues() == ["lost-1", "q"])
            }
        }
    }

    @Test("a queue that uses what is not known is left out, and nothing in it is repaired")
    func uses() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            try await fill(engines[0])
            _ = try await engines[0].enqueue([job(in: "p")])
            try await database.sql("DELETE FROM spanq.lock; UPDATE spanq.queue SET uses = 4 WHERE name = 'q'")
            try await PostgresAuditing.with(database) { audit in
                let report = try await audit.run()
                #expect(report.violations.isEmpty && report.skipped == ["q"] && report.queues == ["p"])
                let violation = AuditViolation(.lockMissing, queue: "q", subject: "unique", "")
                await #expect(throws: SpanQueueError.self) { try await audit.repair([violation]) }
                #expect(try await database.sql("SELECT count(*) FROM spanq.lock") == "0")
            }
        }
    }

    @Test("an audit beside workers finds nothing wrong")
    func beside() async throws {
        let database = try await Database()
        try await database.withEngines(2) { engines in
            let lock = UniqueLock(digest: [UInt8](repeating: 1, count: 16), span: .untilStarted)
            @Sendable func lasting(_ lock: UniqueLock? = nil) -> NewJob {
                var lasting = job(unique: lock)
                lasting.message.maxRetries = 1000
                return lasting
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for engine in engines {
                    group.addTask {
                        for round in 0..<40 {
                            _ = try await engine.enqueue((0..<20).map { _ in lasting() } + [lasting(lock)])
                            let claimed = try await engine.claim(claim(15)).jobs
                            let verdicts: [Verdict] = [.complete, .retry(after: .zero), .bury(.permanent), .release]
                            _ = try await engine.settleAll(
                                claimed.enumerated().map { Settlement($1, verdicts[($0 + round) % 4]) })
                            _ = try await engine.performAll(
                                BulkRequest(queue: "q", state: .dead, action: .redrive, limit: 3))
                        }
                    }
                }
                group.addTask {
                    try await PostgresAuditing.with(database) { audit in
                        for _ in 0..<20 {
                            let report = try await audit.run()
                            #expect(report.violations.isEmpty, "\(report.violations)")
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
