// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import PostgresClient
import PostgresServerFixture
import SpanQueue
import SpanQueueTelemetry

@testable import SpanQueuePostgres

/// A migrated schema of a test's own on one server for all tests, which ends with this process.
struct Database: Sendable {
    private static let server = Task { try await PostgresServer.start() }

    let url: PostgresURL
    let schema: PostgresSchema

    init(migrated: Bool = true) async throws {
        try await self.init(on: try await Self.server.value, migrated: migrated)
    }

    /// On a server of the test's own.
    init(on server: PostgresServer, migrated: Bool = true, name: String? = nil) async throws {
        url = try PostgresURL(server.url)
        schema = try PostgresSchema(name ?? "t_" + String(UInt64.random(in: .min ... .max), radix: 36))
        guard migrated else { return }
        _ = try await schema.migrate(on: url)
        // Functions to put in the place of ours: do the tests notice ones that are wrong?
        if let path = ProcessInfo.processInfo.environment["SPANQ_TEST_SQL"] {
            try await sql(try String(contentsOfFile: path, encoding: .utf8))
        }
    }

    /// Runs statements that name our schema `spanq`; gives the first field of the last row.
    @discardableResult
    func sql(_ text: String) async throws -> String? { try await PostgresScript.run(schema.own(text), on: url) }

    /// Makes roles, whose names begin with that of the schema, and drops them in the end.
    func withRoles(
        _ names: [String], _ body: (_ role: @escaping @Sendable (String) -> String) async throws -> Void
    ) async throws {
        let prefix = schema.name
        let role: @Sendable (String) -> String = { "\(prefix)_\($0)" }
        for name in names { try await sql("CREATE ROLE \(role(name)) LOGIN") }
        try await body(role)
        for name in names { try await sql("DROP OWNED BY \(role(name)); DROP ROLE \(role(name))") }
    }

    /// Lets time stand still.
    func freezeClock(at microseconds: Int64 = 1_800_000_000_000_000) async throws {
        try await sql(
            "CREATE OR REPLACE FUNCTION spanq.clock() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT \(microseconds)::bigint $$"
        )
    }

    /// A transaction of somebody else's that has done something, and stays open until it is told to end.
    struct OpenTransaction {
        let database: Database
        let task: Task<String?, any Error>

        func end() async throws {
            try await database.sql("INSERT INTO spanq.go VALUES (1)")
            _ = try await task.value
        }
    }

    func hold(_ text: String) async throws -> OpenTransaction {
        try await sql("DROP TABLE IF EXISTS spanq.go; CREATE TABLE spanq.go (n int)")
        let task = Task {
            try await sql(
                """
                \(text);
                DO $$ BEGIN
                  WHILE NOT EXISTS (SELECT 1 FROM spanq.go) LOOP PERFORM pg_sleep(0.01); END LOOP;
                END $$
                """)
        }
        let sleeping =
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%FROM spanq.go)%' AND wait_event = 'PgSleep'"
        while try await sql(sleeping) == "0" { try await Task.sleep(for: .milliseconds(2)) }
        return OpenTransaction(database: self, task: task)
    }

    func makeEngine(
        _ options: PostgresEngineOptions = PostgresEngineOptions(), idleWait: Duration = .seconds(2),
        watchInterval: Duration = .seconds(5), quickCall: Duration = .milliseconds(10)
    ) throws -> PostgresEngine {
        var options = options
        options.schema = schema.name
        return PostgresEngine(
            url: url, schema: schema, options: options,
            environment: EngineEnvironment(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }),
            idleWait: idleWait, watchInterval: watchInterval, quickCall: quickCall)
    }

    /// Runs a test on started engines, and shuts them down.
    func withEngines<Result>(
        _ count: Int = 1, _ options: PostgresEngineOptions = PostgresEngineOptions(), idleWait: Duration = .seconds(2),
        watchInterval: Duration = .seconds(5), quickCall: Duration = .milliseconds(10),
        _ body: ([PostgresEngine]) async throws -> Result
    ) async throws -> Result {
        let engines = try (0..<count).map { _ in
            try makeEngine(options, idleWait: idleWait, watchInterval: watchInterval, quickCall: quickCall)
        }
        do {
            for engine in engines { try await engine.start() }
            let result = try await body(engines)
            for engine in engines { await engine.shutdown() }
            return result
        } catch {
            for engine in engines { await engine.shutdown() }
            throw error
        }
    }
}

func job(
    _ id: JobID = .random(), in queue: String = "q", unique: UniqueLock? = nil, schedule: Schedule = .now
) -> NewJob {
    let message = JobMessage(
        id: id, queue: queue, type: "test", payload: [1, 2, 3], priority: 0, maxRetries: 3, backoff: nil, timeout: nil,
        deadline: nil, unique: unique, retention: .standard, tags: [], trace: .root(), runAt: nil,
        enqueuedAt: Timestamp(milliseconds: 0), contentDigest: nil)
    return NewJob(message: message, schedule: schedule)
}

func claim(_ limit: Int = 100, from queue: String = "q") -> ClaimRequest {
    ClaimRequest(queue: queue, limit: limit, lease: .seconds(30), worker: "w")
}
