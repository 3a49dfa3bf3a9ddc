// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import PostgresClient
import PostgresServerFixture
import SpanQueue
import SpanQueueTelemetry
import Testing

@testable import SpanQueuePostgres

@Suite("How the server is, as metrics", .timeLimit(.minutes(3)))
struct HealthTests {
    /// A page of /metrics: values by the text of their series.
    private func page(_ registry: MetricsRegistry) async throws -> [String: Double] {
        let text = String(decoding: await registry.page().bytes, as: UTF8.self)
        var values: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " ") else { continue }
            values[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
        return values
    }

    @Test("tables, connections, bytes written ahead, and who keeps dead rows, with its pid, while it does")
    func whole() async throws {
        let server = try await PostgresServer.start(["max_prepared_transactions=2"])
        defer { server.stop() }
        let url = try PostgresURL(server.url)
        _ = try await PostgresSchema().migrate(on: url)
        let queue = try JobQueue(engine: .postgres(server.url))
        let registry = MetricsRegistry()
        try queue.registerGauges(on: registry, deadline: .seconds(60))
        let engine = #"{engine="postgres""#
        let first = try await page(registry)
        #expect(first[#"spanq_collector_success{collector="engine"}"#] == 1)
        #expect(first["spanq_engine_connections\(engine)}"].map { $0 >= 1 && $0 < 20 } == true, "\(first)")
        #expect(first["spanq_engine_connections_max\(engine)}"] == 300)
        #expect(first["spanq_engine_oldest_snapshot_pid\(engine),kind=\"session\"}"] == 0)
        #expect(first["spanq_engine_dead_rows\(engine),table=\"live\"}"] == 0)

        let holder = try PlainConnection(server.url)
        try holder.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
        let pid = try #require(try holder.run("SELECT pg_backend_pid()").flatMap { Double($0) })
        for number in 0..<5 { _ = try await queue.enqueue(type: "a", payload: Array("\(number)".utf8)) }
        var second = try await page(registry)
        while second["spanq_engine_oldest_snapshot_seconds\(engine),kind=\"session\"}"] == 0
            || second["spanq_engine_live_rows\(engine),table=\"job\"}"] != 5
        {
            try await Task.sleep(for: .milliseconds(100))
            second = try await page(registry)
        }
        #expect(second["spanq_engine_oldest_snapshot_pid\(engine),kind=\"session\"}"] == pid)
        #expect(second["spanq_engine_oldest_snapshot_transactions\(engine),kind=\"session\"}"].map { $0 >= 5 } == true)
        let (before, after) = (
            first["spanq_engine_wal_bytes_total\(engine)}"] ?? 0, second["spanq_engine_wal_bytes_total\(engine)}"] ?? 0
        )
        #expect(before > 0 && after > before + 500 && after < before + 100_000_000)

        try holder.run("ROLLBACK")
        for text in ["BEGIN", "SELECT txid_current()", "PREPARE TRANSACTION 'forgotten'"] { try holder.run(text) }
        let third = try await page(registry)
        #expect(third["spanq_engine_oldest_snapshot_pid\(engine),kind=\"session\"}"] == 0)
        #expect(third["spanq_engine_oldest_snapshot_pid\(engine),kind=\"prepared_transaction\"}"] == 0)
        try holder.run("SELECT txid_current()")
        let fourth = try await page(registry)
        #expect(
            fourth["spanq_engine_oldest_snapshot_transactions\(engine),kind=\"prepared_transaction\"}"].map { $0 >= 1 }
                == true)
        try holder.run("ROLLBACK PREPARED 'forgotten'")
        await queue.shutdown()
    }

    @Test("a role without rights on statistics reads them as far as it may, and its queues all the same")
    func fewRights() async throws {
        let database = try await Database()
        let role = database.schema.name + "_worker"
        try await database.sql(
            """
            CREATE ROLE \(role) LOGIN;
            GRANT USAGE ON SCHEMA \(database.schema.name) TO \(role);
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \(database.schema.name) TO \(role);
            GRANT USAGE ON ALL SEQUENCES IN SCHEMA \(database.schema.name) TO \(role);
            GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA \(database.schema.name) TO \(role);
            """)
        var options = PostgresEngineOptions()
        options.schema = database.schema.name
        let queue = try JobQueue(
            engine: .postgres(database.url.text.replacing("spanq@", with: "\(role)@"), options))
        let registry = MetricsRegistry()
        try queue.registerGauges(on: registry, deadline: .seconds(60))
        let values = try await page(registry)
        #expect(values[#"spanq_collector_success{collector="engine"}"#] == 1)
        #expect(values[#"spanq_queue_scrape_success"#] == 1)
        #expect(values[#"spanq_engine_dead_rows{engine="postgres",table="live"}"#] == 0)
        await queue.shutdown()
    }

    @Test("the doctor counts the connections of everybody, by the names of their programs, whatever role asks")
    func programs() async throws {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        let url = try PostgresURL(server.url)
        _ = try await PostgresSchema().migrate(on: url)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let others = try (0..<3).map { _ in try PlainConnection(server.url) }
        for other in others { try other.run("SET application_name = 'billing'") }
        let grants = "GRANT USAGE ON SCHEMA spanq TO few; GRANT SELECT ON spanq.version TO few"
        _ = try await PostgresScript.run("CREATE ROLE few LOGIN; \(grants)", on: url)
        for user in ["spanq", "few"] {
            let own = try PostgresURL(server.url.replacing("spanq@", with: "\(user)@"))
            let health = try await PostgresHealth.look(at: own, PostgresSchema(), timeout: .seconds(5), logger: logger)
            #expect(health.connections >= 4 && health.connections < 10, "\(user)")
            #expect(health.programs.first { $0.name == "billing" }?.connections == 3, "\(user): \(health.programs)")
            #expect(health.programs.contains { $0.name == "spanq" }, "\(user): \(health.programs)")
        }
        for other in others { try other.run("SELECT 1") }
    }
}
