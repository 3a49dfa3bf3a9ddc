// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import PostgresClient
import PostgresServerFixture
import SpanQueue

/// Faults on Postgres and on what is between: what must hold is what must hold on Redis.
extension Scenario {
    package static let onPostgres: [Scenario] = [
        // In the quick selection `pg-complete` kills them.
        Scenario("pg-kills", "kill -9 of a random worker, one a second, on Postgres", isQuick: false) { size in
            try await PostgresStage.with { stage in try await kills(stage, size) }
        },
        Scenario("pg-zombies", "SIGSTOP for three leases, then SIGCONT, on Postgres") { size in
            try await PostgresStage.with { stage in try await zombies(stage, size) }
        },
        Scenario("pg-ten-leases", "handlers of ten leases, on Postgres", isQuick: false) { size in
            try await PostgresStage.with { stage in try await tenLeases(stage, size) }
        },
        postgresRestarts, postgresCrash, postgresSessions, postgresFailover, postgresCompletions, postgresPooler,
        postgresConnections, postgresSnapshot, postgresFullDisk,
    ]

    private static let postgresRestarts = Scenario(
        "pg-restarts", "postgres killed and restarted; the ends of attempts are durable"
    ) { size in
        let (jobs, kills) = size == .full ? (20_000, 10) : (2_000, 2)
        return try await PostgresStage.with { stage in
            let (findings, resumed, died) = try await crashing(stage, jobs: jobs, times: kills)
            return findings.figures(extraRunsAtMost: kills * 32) + [
                .exactly("accepted", findings.accepted, jobs),
                .atMost("resumed at the latest after", resumed.max() ?? .zero, .seconds(3), slack: .seconds(3)),
                .exactly("crashes", died, kills),
            ]
        }
    }

    /// What is lost of the last fraction of a second is the end of an attempt, and never a job: it runs again.
    private static let postgresCrash = Scenario(
        "pg-crash", "postgres killed and restarted, as it is set otherwise", isQuick: false
    ) { size in
        let (jobs, kills) = size == .full ? (20_000, 10) : (2_000, 2)
        return try await PostgresStage.with(endsAreDurable: false) { stage in
            var (findings, resumed, died) = try await crashing(stage, jobs: jobs, times: kills)
            let again = findings.completedTwice.count
            findings.completedTwice = []
            return findings.figures + [
                .exactly("accepted", findings.accepted, jobs), .exactly("crashes", died, kills),
                Figure("ends forgotten, and told again, \(again)"), Figure("extra runs \(findings.extraRuns)"),
                .atMost("resumed at the latest after", resumed.max() ?? .zero, .seconds(3), slack: .seconds(3)),
            ]
        }
    }

    /// Kills the server under load, again and again.
    private static func crashing(
        _ stage: PostgresStage, jobs: Int, times: Int
    ) async throws -> (findings: Findings, resumed: [Duration], died: Int) {
        for _ in 0..<2 { try stage.worker(concurrency: 16) }
        let producer = try stage.producer(count: jobs, pause: .milliseconds(1))
        var resumed: [Duration] = []
        for _ in 0..<times {
            try await Task.sleep(for: .seconds(1))
            stage.store.server.kill()
            try await stage.store.server.restart()
            // It answers from here on.
            resumed.append(try await time(until: "a completion", in: stage, .settled))
        }
        try await producer.waitUntilExit(within: .seconds(120))
        try await stage.drain(within: .seconds(60))
        return (try await stage.check(), resumed, times)
    }

    private static let postgresSessions = Scenario(
        "pg-sessions", "all sessions ended by the server, every 100 ms"
    ) { size in
        let (jobs, times) = size == .full ? (20_000, 200) : (1_200, 12)
        return try await PostgresStage.with { stage in
            for _ in 0..<2 { try stage.worker(concurrency: 16) }
            let producer = try stage.producer(count: jobs, pause: .milliseconds(1))
            try await wait(for: "the first runs", within: .seconds(20)) { !stage.lines(.began).isEmpty }
            var ended = 0
            for _ in 0..<times {
                try await Task.sleep(for: .milliseconds(100))
                let count = try await stage.store.sql(
                    """
                    SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
                    """)
                ended += Int(count ?? "") ?? 0
            }
            try await producer.waitUntilExit(within: .seconds(120))
            try await stage.drain(within: .seconds(60))
            let findings = try await stage.check()
            // A claim whose answer is lost is one more run only where it has begun, which it has not.
            return findings.figures(extraRunsAtMost: 32) + [
                .exactly("accepted", findings.accepted, jobs), .atLeast("sessions ended", ended, times),
                .exactly("enqueues that threw", stage.lines(.refused).count, 0),
            ]
        }
    }

    /// The primary dies, and its standby is promoted. Clients know both, and use the one that takes writes.
    private static let postgresFailover = Scenario(
        "pg-failover", "the primary killed, its synchronous standby promoted"
    ) { size in
        let jobs = size == .full ? 20_000 : 2_000
        return try await PostgresStage.with(hasStandby: true) { stage in
            guard let standby = stage.store.standby else { throw Unmet("no standby") }
            for _ in 0..<2 { try stage.worker(concurrency: 16) }
            let producer = try stage.producer(count: jobs, pause: .milliseconds(1))
            try await wait(for: "the first runs", within: .seconds(20)) { !stage.lines(.settled).isEmpty }
            try await Task.sleep(for: .seconds(1))
            stage.store.server.kill()
            _ = try await PostgresScript.run(
                "SELECT pg_promote()", on: PostgresURL(standby.url + "&target_session_attrs=any"))
            // Else nothing is acknowledged: there is nobody left to follow.
            let url = try PostgresURL(standby.url)
            _ = try await PostgresScript.run("ALTER SYSTEM SET synchronous_standby_names = ''", on: url)
            _ = try await PostgresScript.run("SELECT pg_reload_conf()", on: url)
            let resumed = try await time(until: "a completion", in: stage, .settled)
            try await producer.waitUntilExit(within: .seconds(120))
            try await stage.drain(within: .seconds(60))
            let findings = try await stage.check()
            return findings.figures(extraRunsAtMost: 32) + [
                .exactly("accepted", findings.accepted, jobs),
                .atMost("resumed after the promotion", resumed, .seconds(3), slack: .seconds(3)),
            ]
        }
    }

    /// Handlers write what they did into a table, and complete their jobs, in one transaction of theirs.
    private static let postgresCompletions = Scenario(
        "pg-complete", "spanq.complete in the handlers' transactions, workers killed"
    ) { size in
        let (jobs, kills) = size == .full ? (10_000, 60) : (500, 4)
        let (workers, slots) = (4, 8)
        let sql = ["SPANQ_FAULT_SQL_ENDS": "1"]
        return try await PostgresStage.with { stage in
            try await stage.store.sql("CREATE TABLE effects (job text NOT NULL, token bigint NOT NULL)")
            var alive = try (0..<workers).map { _ in try stage.worker(concurrency: slots) }
            let producer = try stage.producer(
                count: jobs, handler: Duration.milliseconds(500) * kills * workers * slots / jobs, environment: sql)
            try await wait(for: "the first effects", within: .seconds(20)) {
                try await stage.store.sql("SELECT count(*) FROM effects") != "0"
            }
            for _ in 0..<kills {
                let victim = Int.random(in: 0..<workers)
                alive[victim].signal(SIGKILL)
                alive[victim] = try stage.worker(concurrency: slots)
                try await Task.sleep(for: .milliseconds(500))
            }
            try await producer.waitUntilExit(within: .seconds(60))
            try await stage.drain(within: .seconds(180))
            let final = try await stage.final()
            let findings = Checker.check(stage.lines, final)
            let completed = final.count("completed")
            func number(_ statement: String) async throws -> Int {
                Int(try await stage.store.sql(statement) ?? "") ?? -1
            }
            return findings.figures + [
                .exactly("accepted", findings.accepted, jobs),
                .exactly("effects of the completed", try await number("SELECT count(*) FROM effects"), completed),
                .exactly("jobs among them", try await number("SELECT count(DISTINCT job) FROM effects"), completed),
                .exactly(
                    "effects of jobs that are not completed",
                    try await number(
                        "SELECT count(*) FROM effects e WHERE NOT EXISTS (SELECT 1 FROM spanq.job j JOIN spanq.done d USING (nr) WHERE j.id = e.job AND d.state = 'c')"
                    ), 0),
                .atMost("buried after three kills each", final.count("dead"), kills * slots / 3),
                .atLeast("runs cut off", findings.extraRuns, 1),
            ]
        }
    }

    private static let postgresPooler = Scenario(
        "pg-pooler", "pgbouncer in transaction mode between; it is killed, and comes back"
    ) { size in
        let (jobs, kills) = size == .full ? (20_000, 10) : (1_500, 1)
        guard Pooler.isThere else { return [Figure("there is no pgbouncer here: not looked at")] }
        return try await PostgresStage.with { stage in
            var pooler = try await Pooler.start(for: stage.store.server, connections: 4)
            defer { pooler.stop() }
            for _ in 0..<3 { try stage.worker(pooler.url, concurrency: 8, environment: stage.store.childEnvironment) }
            let producer = try stage.producer(pooler.url, count: jobs, pause: .milliseconds(1))
            for _ in 0..<kills {
                try await Task.sleep(for: .seconds(1))
                pooler.kill()
                try await Task.sleep(for: .milliseconds(300))
                pooler = try await Pooler.start(for: stage.store.server, connections: 4, again: pooler)
            }
            try await producer.waitUntilExit(within: .seconds(120))
            try await stage.drain(within: .seconds(60))
            let findings = try await stage.check()
            return findings.figures(extraRunsAtMost: kills * 24) + [.exactly("accepted", findings.accepted, jobs)]
        }
    }

    /// Strangers take every connection that is free, again and again; who loses one does not get in until one is left.
    private static let postgresConnections = Scenario(
        "pg-connections", "no connection left, and those of workers ended meanwhile", isQuick: false
    ) { size in
        let (jobs, outage) = size == .full ? (20_000, Duration.seconds(20)) : (2_000, .seconds(4))
        return try await PostgresStage.with(["max_connections=20"]) { stage in
            for _ in 0..<2 { try stage.worker(concurrency: 16) }
            let producer = try stage.producer(count: jobs, pause: .milliseconds(2))
            try await wait(for: "the first runs", within: .seconds(20)) { !stage.lines(.began).isEmpty }
            let url = try PostgresURL(stage.store.url)
            let end = ContinuousClock.now + outage
            let refused = await withTaskGroup(of: Int.self) { group in
                for stranger in 0..<40 {
                    group.addTask {
                        var refused = 0
                        while ContinuousClock.now < end {
                            // One of them ends the sessions of all workers and producers.
                            let statement =
                                stranger == 0
                                ? "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query NOT LIKE '%pg_sleep%' AND backend_type = 'client backend' AND pid <> pg_backend_pid(); SELECT pg_sleep(0.5)"
                                : "SELECT pg_sleep(0.2)"
                            do {
                                _ = try await PostgresScript.run(statement, on: url)
                            } catch {
                                refused += 1
                                try? await Task.sleep(for: .milliseconds(20))
                            }
                        }
                        return refused
                    }
                }
                return await group.reduce(0, +)
            }
            let resumed = try await time(until: "a completion", in: stage, .settled)
            try await producer.waitUntilExit(within: .seconds(120))
            try await stage.drain(within: .seconds(60))
            let findings = try await stage.check()
            return findings.figures + [
                .exactly("accepted", findings.accepted, jobs), .atLeast("connections refused", refused, 20),
                Figure("extra runs \(findings.extraRuns)"),
                .atMost("resumed after", resumed, .seconds(3), slack: .seconds(3)),
            ]
        }
    }
}
