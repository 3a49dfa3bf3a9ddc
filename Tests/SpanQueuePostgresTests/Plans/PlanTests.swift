// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import Testing

@testable import SpanQueuePostgres

/// How the server makes the hot calls: each statement of theirs by its one index, whatever the tables hold, and whatever the server
/// knows of that.
@Suite("plans", .timeLimit(.minutes(20)))
struct PlanTests {
    /// `SPANQ_TEST_ROWS=1000000` for as many jobs.
    private static let rows = ProcessInfo.processInfo.environment["SPANQ_TEST_ROWS"].flatMap { Int($0) } ?? 50_000

    @Test(
        "each hot statement uses its one index: on empty tables, on large ones without and with statistics, on bloated ones"
    )
    func hot() async throws {
        try await PlanLog.with { server, log in
            let database = try await Database(on: server)
            try await expectIndexes(database, log, "empty")
            try await fill(database)
            try await expectIndexes(database, log, "large, without statistics")
            try await database.sql("SET auto_explain.log_min_duration = -1; ANALYZE spanq.job, spanq.live, spanq.done")
            try await expectIndexes(database, log, "large, with statistics")
            try await withOldSnapshot(of: database) {
                for _ in 0..<3 {
                    try await database.sql(
                        "SET auto_explain.log_min_duration = -1; UPDATE spanq.live SET score = score + 1")
                }
                try await expectIndexes(database, log, "bloated")
            }
        }
    }

    @Test("an index that is not there is noticed")
    func dropped() async throws {
        try await PlanLog.with { server, log in
            for (index, statement) in [
                ("live_place", "DROP INDEX spanq.live_place"), ("done_place", "DROP INDEX spanq.done_place"),
                ("live_pkey", "ALTER TABLE spanq.live DROP CONSTRAINT live_pkey"),
                ("done_pkey", "ALTER TABLE spanq.done DROP CONSTRAINT done_pkey"),
                ("job_pkey", "ALTER TABLE spanq.job DROP CONSTRAINT job_pkey"),
            ] {
                let database = try await Database(on: server)
                try await database.sql(statement)
                let problems = try await calls(on: database, log).flatMap(\.problems)
                #expect(!problems.isEmpty, "nobody misses \(index)")
            }
        }
    }

    // MARK: The calls

    private struct Called {
        let name: String
        let plans: [Plan]
        /// By which indexes the tables of jobs are to be read; a table that is not named is not read.
        let indexes: [String: Set<String>]

        var problems: [String] {
            let tables = ["job", "live", "done", "lock"].compactMap { table in
                let (found, wanted) = (PlanRule.indexes(of: table, in: plans), indexes[table] ?? [])
                return found == wanted ? nil : "\(table) is read by \(found.sorted()), and not by \(wanted.sorted())"
            }
            return PlanRule().findings(in: plans) + tables
        }
    }

    private func expectIndexes(_ database: Database, _ log: PlanLog, _ tables: String) async throws {
        for called in try await calls(on: database, log) {
            #expect(!called.plans.isEmpty, "\(called.name) left no plan")
            #expect(called.problems.isEmpty, "\(called.name), \(tables)")
        }
    }

    /// Makes the hot calls, each with some jobs, on connections that have planned nothing yet.
    private func calls(on database: Database, _ log: PlanLog) async throws -> [Called] {
        var options = PostgresEngineOptions()
        options.commandTimeout = .minutes(2)
        options.retentionCount =
            Int(try await database.sql("SELECT count(*) FROM spanq.done WHERE state = 'c'") ?? "") ?? 0
        return try await database.withEngines(1, options) { engines in
            let engine = engines[0]
            var all: [Called] = []
            func note(
                _ name: String, _ indexes: [String: Set<String>], _ body: () async throws -> Void
            ) async throws {
                all.append(Called(name: name, plans: try await log.plans(database, of: body), indexes: indexes))
            }
            let plain = (0..<100).map { _ in job() }
            // They go before all others.
            let locked = (0..<5).map { _ in
                let digest = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
                var new = job(unique: UniqueLock(digest: digest, span: .untilFinished))
                new.message.priority = 9
                return new
            }
            try await note("enqueue", ["live": ["live_place"]]) { _ = try await engine.enqueue(plain) }
            try await note("enqueue of one", [:]) { _ = try await engine.enqueue([job()]) }
            try await note(
                "enqueue again",
                ["job": ["job_pkey", "job_queue_id_key"], "live": ["live_pkey", "live_place"], "done": ["done_pkey"]]
            ) {
                _ = try await engine.enqueue(Array(plain.prefix(3)))
            }
            try await note(
                "enqueue with locks",
                [
                    "live": ["live_place", "live_pkey"], "lock": ["lock_pkey"], "job": ["job_pkey"],
                    "done": ["done_pkey"],
                ]
            ) {
                // One of them twice: the second is refused.
                _ = try await engine.enqueue(locked + [job(unique: locked[0].message.unique)])
            }
            try await database.sql(
                "UPDATE spanq.live SET state = 's', score = 1 WHERE nr IN (SELECT nr FROM spanq.live WHERE state = 'r' ORDER BY score DESC LIMIT 60)"
            )
            var claimed: [ClaimedJob] = []
            try await note(
                "claim, with promotion",
                ["live": ["live_place", "live_pkey", "row"], "job": ["job_pkey"], "lock": ["lock_pkey"]]
            ) {
                claimed = try await engine.claim(claim(100)).jobs
            }
            try await note("extend", ["live": ["live_pkey"], "job": ["job_queue_id_key"]]) {
                let reply = try await engine.extend(claimed.map(\.reference), in: "q", by: .seconds(60))
                #expect(reply.lost.isEmpty)
            }
            try await note("report", ["live": ["live_pkey"], "job": ["job_queue_id_key"]]) {
                let isHeld = try await engine.report(JobProgress(fraction: 0.5, note: "half"), on: claimed[0])
                #expect(isHeld)
            }
            try await note("settle, completions", ["live": ["live_pkey"], "job": ["job_queue_id_key"]]) {
                let ends = claimed.prefix(40).filter { $0.message.unique == nil }.map { Settlement($0, .complete) }
                let outcomes = try await engine.settleAll(ends)
                #expect(outcomes.allSatisfy { $0 == .settled })
            }
            try await note(
                "settle, the rest",
                [
                    "live": ["live_pkey", "live_place"], "job": ["job_queue_id_key"], "done": ["done_pkey"],
                    "lock": ["lock_pkey"],
                ]
            ) {
                let verdicts: [Verdict] = [
                    .bury(.permanent), .retry(after: .seconds(60)), .release, .cancel(reason: "x"),
                    .retry(after: .seconds(1)),
                ]
                let ends = (claimed.prefix(2) + claimed[40..<60]).enumerated().map {
                    Settlement($1, verdicts[$0 % verdicts.count])
                }
                let outcomes = try await engine.settleAll(ends)
                #expect(outcomes.allSatisfy { $0 == .settled })
                // Once more, as after a lost answer.
                let again = try await engine.settleAll(ends)
                #expect(again.allSatisfy { $0 == .settled })
            }
            try await database.sql("UPDATE spanq.live SET score = 1 WHERE token = \(claimed[0].reference.token.value)")
            try await note(
                "reclaim", ["live": ["live_place", "live_pkey"], "job": ["job_pkey"]]
            ) {
                let back = try await engine.reclaim(ReclaimRequest(queue: "q", maxReclaims: 100))
                #expect(!back.isEmpty)
            }
            try await note("wait for work", ["live": ["live_place"]]) {
                try await engine.waitForWork(in: ["q"], atMost: .seconds(5))
            }
            try await note(
                "sweep",
                ["done": ["done_place", "done_pkey"], "job": ["job_pkey"], "lock": ["lock_until"]]
            ) {
                let reply = try await engine.sweep("q", within: .seconds(30))
                #expect(reply.dropped > 0)
            }
            return all
        }
    }

    // MARK: Tables

    /// Puts jobs there before all others: half of them live in each state, half of them over.
    private func fill(_ database: Database) async throws {
        let half = Self.rows / 2
        try await database.withEngines { engines in _ = try await engines[0].enqueue([job()]) }
        try await database.sql(
            """
            SET auto_explain.log_min_duration = -1;
            INSERT INTO spanq.job (nr, queue, id, type, priority, enqueued_at, message, payload)
            SELECT n - \(2 * half), s.queue, 'fill-' || n, 'test', 0, s.enqueued_at, s.message, s.payload
            FROM generate_series(1, \(2 * half)) AS n, (SELECT * FROM spanq.job ORDER BY nr DESC LIMIT 1) s;
            INSERT INTO spanq.live (nr, queue, state, score, token, nonce, worker, last_token)
            SELECT n - \(2 * half), q.nr, t.state, CASE t.state WHEN 'r' THEN spanq.line(0) - \(2 * half) + n ELSE 4000000000000 + n END,
              CASE t.state WHEN 'a' THEN 1 END, 1, CASE t.state WHEN 'a' THEN 'w' END, 1
            FROM generate_series(1, \(half)) AS n, spanq.queue q,
              LATERAL (SELECT (CASE n % 10 WHEN 1 THEN 's' WHEN 2 THEN 'a' WHEN 3 THEN 't' ELSE 'r' END)::"char" AS state) t
            WHERE q.name = 'q';
            INSERT INTO spanq.done (nr, queue, state, score, ended_at, last_token, nonce, run)
            SELECT n - \(half), q.nr, (CASE n % 10 WHEN 1 THEN 'd' WHEN 2 THEN 'x' WHEN 3 THEN 'k' ELSE 'c' END)::"char",
              CASE n % 10 WHEN 3 THEN 4000000000000 + n ELSE n - \(half) END, spanq.clock() / 1000, 1, 1, '\\x01000000'
            FROM generate_series(1, \(half)) AS n, spanq.queue q WHERE q.name = 'q';
            INSERT INTO spanq.tally (queue, c) SELECT nr, \(half) * 7 / 10 FROM spanq.queue WHERE name = 'q';
            """)
    }

    /// While another session keeps every vacuum from removing anything.
    private func withOldSnapshot(of database: Database, _ body: () async throws -> Void) async throws {
        let name = "old-\(database.schema.name)"
        let holding = Task {
            try await database.sql("SELECT count(*) FROM spanq.version; SELECT pg_sleep(1000) AS \"\(name)\"")
        }
        let there = "FROM pg_stat_activity WHERE query LIKE '%\(name)%' AND pid <> pg_backend_pid()"
        while try await database.sql("SELECT count(*) \(there) AND backend_xmin IS NOT NULL") == "0" {
            try await Task.sleep(for: .milliseconds(5))
        }
        let result: Result<Void, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        try await database.sql("SELECT pg_terminate_backend(pid) \(there)")
        _ = try? await holding.value
        try result.get()
    }
}
