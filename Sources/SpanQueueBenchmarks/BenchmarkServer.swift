// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import Logging
import PostgresClient
package import SpanQueue
import SpanQueueLoop
package import SpanQueuePostgres
package import SpanQueueRedis

/// The server that is measured, beside the queue on it.
protocol BenchmarkServer: Sendable {
    /// As in the engine's metrics: `redis`, `postgres`.
    var engine: String { get }

    /// What it has done so far, by its own account.
    func load() async throws -> ServerLoad
    /// Waits until its account has all that was done.
    func settle() async throws
    /// Removes queues and what benchmarks have made beside them, and waits until it has settled.
    func remove(_ queues: [String], stream: String) async throws
    func close() async
}

/// Which server, and how its engine is set.
package struct BenchmarkTarget: Sendable {
    package let source: EngineSource
    let makeServer: @Sendable (Logger) -> any BenchmarkServer

    /// - Throws: what `EngineSource.redis` finds wrong with these.
    package static func redis(_ url: String, _ options: RedisEngineOptions) throws(SpanQueueError) -> BenchmarkTarget {
        let checked = try options.checkedURL(url)
        return BenchmarkTarget(source: .redis(url, options)) { RedisBenchmarkServer(checked, options.tls, logger: $0) }
    }

    /// - Throws: what `EngineSource.postgres` finds wrong with these.
    package static func postgres(
        _ url: String, _ options: PostgresEngineOptions
    ) throws(SpanQueueError) -> BenchmarkTarget {
        let (checked, schema) = try options.checked(url)
        return BenchmarkTarget(source: .postgres(url, options)) {
            PostgresBenchmarkServer(checked, schema, logger: $0)
        }
    }
}

final class RedisBenchmarkServer: BenchmarkServer {
    let engine = "redis"
    let url: RedisURL
    let client: RedisClient
    private let loop = LoopThread(name: "benchmark")

    init(_ url: RedisURL, _ tls: RedisTLS, logger: Logger) {
        self.url = url
        var configuration = RedisClient.Configuration()
        configuration.tls = tls.settings
        client = RedisClient(url: url, name: "benchmark", configuration: configuration, loop: loop, logger: logger)
    }

    func load() async throws -> ServerLoad { try await RedisLoad(client).load }
    func settle() async throws {}

    func remove(_ queues: [String], stream: String) async throws {
        let commands = queues.flatMap { QueueErasure.commands(queue: $0) } + [RESPCommand("UNLINK", stream)]
        for result in try await client.pipeline(commands, idempotent: true) { _ = try result.get() }
        // What is unlinked is freed by another thread, and would be missing from what the next benchmark takes. No longer than 10 s.
        for _ in 0..<1000 {
            guard let pending = try? await RedisLoad(client).pendingFrees, pending > 0 else { return }
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    func close() async {
        await client.close()
        loop.stop()
    }
}

final class PostgresBenchmarkServer: BenchmarkServer {
    let engine = "postgres"
    private let schema: PostgresSchema
    private let client: PostgresClient
    private let loop = LoopThread(name: "benchmark")
    /// A session tells what it has counted once a second at most, and the rest when it has been idle for ten seconds.
    private static let untilCounted = Duration.milliseconds(10_500)

    init(_ url: PostgresURL, _ schema: PostgresSchema, logger: Logger) {
        self.schema = schema
        var configuration = PostgresClient.Configuration()
        configuration.callTimeout = .minutes(5)
        client = PostgresClient(url: url, name: "benchmark", configuration: configuration, loop: loop, logger: logger)
    }

    func settle() async throws { try await Task.sleep(for: Self.untilCounted) }

    func load() async throws -> ServerLoad {
        let rows = try await client.run(
            PostgresCall(
                "load",
                """
                SELECT (SELECT array_agg(pid) FROM pg_stat_activity), xact_commit + xact_rollback,
                  pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint
                FROM pg_stat_database WHERE datname = current_database()
                """), idempotent: true)
        let processes = try rows.integers(0, 0).compactMap { $0 }
        return ServerLoad(
            cpuSeconds: ServerProcesses.cpuSeconds(of: processes, named: "postgres"),
            commands: Int(try rows.integer(0, 1)), bytes: nil, memory: nil, walBytes: Int(try rows.integer(0, 2)))
    }

    func remove(_ queues: [String], stream: String) async throws {
        let name = schema.name
        _ = try await client.run(
            PostgresCall(
                "remove",
                """
                WITH gone AS (DELETE FROM \(name).queue WHERE name = ANY ($1) RETURNING nr),
                  live AS (DELETE FROM \(name).live WHERE queue IN (SELECT nr FROM gone)),
                  done AS (DELETE FROM \(name).done WHERE queue IN (SELECT nr FROM gone)),
                  job AS (DELETE FROM \(name).job WHERE queue IN (SELECT nr FROM gone)),
                  lock AS (DELETE FROM \(name).lock WHERE queue IN (SELECT nr FROM gone)),
                  tally AS (DELETE FROM \(name).tally WHERE queue IN (SELECT nr FROM gone))
                DELETE FROM \(name).idle WHERE queue = ANY ($1)
                """, [.texts(queues)]), idempotent: true)
    }

    func close() async {
        await client.close()
        loop.stop()
    }
}
