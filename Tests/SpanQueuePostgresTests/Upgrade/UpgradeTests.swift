// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import PostgresClient
import PostgresServerFixture
import SpanQueue
import Synchronization
import Testing

@testable import SpanQueuePostgres

/// A database of migration 2, as `pg_dump` has written it, is carried over to the present one. The dump stays as it is; each of its ids
/// begins with the state of its job.
@Suite("upgrade", .timeLimit(.minutes(5)))
struct UpgradeTests {
    private static let dump = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("migration-2.sql").path
    /// The last migration that was published. Programs of its time may be at work when a newer one migrates.
    private static let published = 6

    @Test("what a migration leaves of an old database is what a fresh one has")
    func same() async throws {
        try await withOldDatabase { server, old in
            _ = try await PostgresSchema().migrate(on: old)
            let fresh = try await PostgresServer.start()
            defer { fresh.stop() }
            _ = try await PostgresSchema().migrate(on: PostgresURL(fresh.url))
            let (upgraded, new) = (try Self.schema(of: server), try Self.schema(of: fresh))
            let differences = upgraded.difference(from: new)
            #expect(
                differences.isEmpty,
                """
                a migration that was released is not to be changed; of one that never was, write the dump anew (see NewDump): \
                \(differences.insertions.prefix(3)), \
                \(differences.removals.prefix(3))
                """)
        }
    }

    @Test(
        "jobs in every state are where they were, and run to their end, while old programs and new ones work at the same time"
    )
    func underLoad() async throws {
        try await withOldDatabase { _, url in
            let schema = try PostgresSchema()
            func sql(_ text: String) async throws -> String? { try await PostgresScript.run(text, on: url) }
            let states = """
                SELECT string_agg(j.id || ' ' || coalesce(l.state, d.state)::text, ',' ORDER BY j.id)
                FROM spanq.job j JOIN spanq.queue q ON q.nr = j.queue LEFT JOIN spanq.live l ON l.nr = j.nr
                  LEFT JOIN spanq.done d ON d.nr = j.nr WHERE q.name = 'q'
                """
            let before = try await sql(states)
            #expect(before == OldDatabase.all.sorted().joined(separator: ","))
            let load = OldLoad(url: url)
            let running = Task { await load.run() }
            func goOn() async throws {
                let (accepted, completed) = (load.accepted.count, load.completed.count)
                while load.accepted.count < accepted + 20 || load.completed.count < completed + 10 {
                    try await Task.sleep(for: .milliseconds(2))
                }
            }
            try await goOn()
            for migration in schema.migrations where (3...Self.published).contains(migration.number) {
                _ = try await sql(schema.script(migration))
            }
            try await goOn()
            #expect(try await sql(states) == before)
            // What came with those is there as well.
            _ = try await sql(
                """
                SELECT spanq.add_errors_1('q', '1', ARRAY[5], ARRAY[7], ARRAY['test'], ARRAY['Failure']::bytea[], ARRAY['no']::bytea[]);
                SELECT spanq.append_1(ARRAY['action'], ARRAY['pause'], 10000)
                """)
            #expect(try await schema.migrate(on: url) == schema.migrations.map(\.number).filter { $0 > Self.published })
            try await goOn()
            #expect(try await sql(states) == before)
            #expect(try await sql("SELECT count FROM spanq.errors WHERE queue = 'q' AND error = 'no'") == "7")
            #expect(try await sql("SELECT count(*) FROM spanq.journal") == "1")

            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            var options = PostgresEngineOptions()
            options.retentionCount = 1_000_000
            options.retention = .hours(24 * 3650)
            let queue = try JobQueue(engine: .postgres(url.text, options), logger: logger)
            let ran = Mutex<[String: Int]>([:])
            let worker = try Worker(
                queue, WorkerConfiguration(queues: ["q": 1, "load": 1], lease: .seconds(8)), logger: logger)
            try worker.handle("test") { _, context in ran.withLock { $0[context.id.description, default: 0] += 1 } }
            let work = Task { try await worker.run() }
            while ran.withLock({ $0.count }) < 12 { try await Task.sleep(for: .milliseconds(5)) }
            load.stop()
            await running.value
            // What was to run, and what was claimed by a program that is gone, has run by now; what was put off until 2100 is called.
            _ = try await sql("UPDATE spanq.live SET score = 1 WHERE state IN ('s', 't')")
            let wanted = ["scheduled", "ready", "active", "retrying"].flatMap { state in
                (0..<OldDatabase.each).map { "\(state)-\($0)" }
            }
            let deadline = ContinuousClock.now + .minutes(2)
            while ContinuousClock.now < deadline {
                let counts = try await queue.counts(of: ["q", "load"])
                let left: [JobState] = [.ready, .active, .scheduled, .retrying]
                if counts.allSatisfy({ queue in left.allSatisfy { queue[$0] == 0 } }) { break }
                try await Task.sleep(for: .milliseconds(20))
            }
            worker.drain()
            try await work.value
            let runs = ran.withLock { $0 }
            #expect(Set(wanted) == Set(runs.keys.filter { !$0.hasPrefix("load-") }))
            // Each of the load's jobs was completed once: by an old program, or by the new one.
            #expect(load.completed.isDisjoint(with: runs.keys))
            #expect(load.accepted == load.completed.union(runs.keys.filter { $0.hasPrefix("load-") }))
            #expect(runs.values.allSatisfy { $0 == 1 })
            for number in 0..<OldDatabase.each {
                let active = try #require(try await queue.job(JobID("active-\(number)")))
                #expect(active.state == .completed && active.run.reclaims == 1)
                let retrying = try #require(try await queue.job(JobID("retrying-\(number)")))
                #expect(retrying.run.attempts == 2 && retrying.run.attemptRecords.first?.error == "once")
                let dead = try #require(try await queue.job(JobID("dead-\(number)")))
                #expect(dead.state == .dead && dead.run.lastError == "no")
                #expect(try await queue.job(JobID("cancelled-\(number)"))?.state == .cancelled)
                #expect(try await queue.job(JobID("completed-\(number)"))?.run.attempts == 1)
                #expect(try await queue.job(JobID("kept-\(number)"))?.state == .completed)
            }
            // Locks and the tally came over as they were.
            #expect(try await queue.counts(of: ["paused"])[0].isPaused)
            let tally = try await sql(
                """
                SELECT sum(c) + sum(k) = (SELECT count(*) FROM spanq.done WHERE state IN ('c', 'k'))
                  AND sum(d) = (SELECT count(*) FROM spanq.done WHERE state = 'd')
                  AND sum(r) = (SELECT count(*) FROM spanq.live WHERE state = 'r') FROM spanq.tally
                """)
            #expect(tally == "t")
            #expect(try await sql("SELECT spanq.enqueue('paused', 'test', '1', unique_key => 'mine')") == "locked-0")
            await queue.shutdown()
        }
    }

    /// - Parameter body: gets a server of the test's own, with the old database.
    private func withOldDatabase<Result>(_ body: (PostgresServer, PostgresURL) async throws -> Result) async throws
        -> Result
    {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        let url = try PostgresURL(server.url)
        _ = try await PostgresScript.run(try String(contentsOfFile: Self.dump, encoding: .utf8), on: url)
        #expect(try await PostgresSchema().applied(on: url) == 2)
        return try await body(server, url)
    }

    /// The lines that make the schema, in order.
    private static func schema(of server: PostgresServer) throws -> [String] {
        try server.output(of: "pg_dump", ["--schema-only", "--no-owner", "--schema=spanq", "postgres"])
            .split(separator: "\n").map(String.init).filter { !$0.hasPrefix("--") && !$0.hasPrefix("\\") }
    }
}

/// Programs of the time of migration 2, which know its functions: one that enqueues, and one that works.
private final class OldLoad: Sendable {
    private struct State {
        var accepted: Set<String> = []
        var completed: Set<String> = []
        var isStopped = false
    }

    private let url: PostgresURL
    private let state = Mutex(State())

    init(url: PostgresURL) {
        self.url = url
    }

    var accepted: Set<String> { state.withLock { $0.accepted } }
    var completed: Set<String> { state.withLock { $0.completed } }
    func stop() { state.withLock { $0.isStopped = true } }

    func run() async {
        async let producing: Void = repeating { number in
            let id = "load-\(number)"
            let there = try await PostgresScript.run(
                "SELECT spanq.enqueue('load', 'test', '\(number)', id => '\(id)')", on: self.url)
            if there == id { self.state.withLock { _ = $0.accepted.insert(id) } }
        }
        async let working: Void = repeating { _ in
            let id = try await PostgresScript.run(
                """
                CREATE TEMP TABLE mine AS SELECT * FROM spanq.claim_1('load', 1, 30000, 7, 'old', 0);
                SELECT spanq.complete('load', id, (SELECT head[2] FROM mine WHERE head IS NOT NULL)) FROM mine WHERE id IS NOT NULL;
                SELECT id FROM mine WHERE id IS NOT NULL
                """, on: self.url)
            if let id { self.state.withLock { _ = $0.completed.insert(id) } }
        }
        _ = await (producing, working)
    }

    /// What fails is undone as a whole, and the next one follows.
    private func repeating(_ body: (Int) async throws -> Void) async {
        var number = 0
        while !state.withLock({ $0.isStopped }) {
            try? await body(number)
            number += 1
        }
    }
}
