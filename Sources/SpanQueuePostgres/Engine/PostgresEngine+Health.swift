// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue
import SpanQueueTelemetry

extension PostgresEngine: HealthSource {
    /// Reads the server's own statistics: one row, and nothing of what is stored. What belongs to other users it tells without times, unless
    /// our role has `pg_monitor`.
    private static let question = """
        WITH tables AS (
          SELECT relname::text AS name, n_live_tup AS live, n_dead_tup AS dead FROM pg_stat_user_tables WHERE schemaname = $1
        ), holder AS (
          SELECT * FROM (
            SELECT 'session' AS kind, pid::bigint AS pid, age(backend_xmin)::bigint AS age,
              extract(epoch FROM clock_timestamp() - xact_start)::bigint AS seconds
            FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
            UNION ALL
            SELECT 'prepared_transaction', NULL, age(transaction)::bigint,
              extract(epoch FROM clock_timestamp() - prepared)::bigint FROM pg_prepared_xacts
            UNION ALL
            SELECT 'replication_slot', active_pid::bigint, greatest(age(xmin), age(catalog_xmin))::bigint, NULL
            FROM pg_replication_slots WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL
          ) holders ORDER BY age DESC, seconds DESC NULLS LAST LIMIT 1
        )
        SELECT (SELECT sum(numbackends)::bigint FROM pg_stat_database), current_setting('max_connections')::bigint,
          pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, '0/0')::bigint,
          (SELECT coalesce(array_agg(name ORDER BY name), '{}') FROM tables),
          (SELECT coalesce(array_agg(live ORDER BY name), '{}') FROM tables),
          (SELECT coalesce(array_agg(dead ORDER BY name), '{}') FROM tables),
          h.kind, h.pid, h.age, h.seconds
        FROM (SELECT 1) AS one LEFT JOIN holder h ON true
        """

    func readHealth(into metrics: inout CollectedMetrics) async throws {
        let rows = try await call(PostgresCall("health", Self.question, [.text(schema.name)]))
        try Self.add(ServerReading(rows), to: &metrics)
    }

    private static func add(_ reading: ServerReading, to metrics: inout CollectedMetrics) throws(MetricsError) {
        let engine = MetricLabel("engine", "postgres")
        try metrics.gauge(
            "spanq_engine_connections", help: "Connections to the server, of everybody.", labels: [engine],
            value: Double(reading.connections))
        try metrics.gauge(
            "spanq_engine_connections_max", help: "The most connections that the server allows.", labels: [engine],
            value: Double(reading.mostConnections))
        if let wal = reading.walBytes {
            try metrics.counter(
                "spanq_engine_wal_bytes", help: "Bytes that the server has written ahead.", unit: "bytes",
                labels: [engine], value: Double(wal))
        }
        for table in reading.tables {
            let labels = [engine, MetricLabel("table", table.name)]
            try metrics.gauge(
                "spanq_engine_live_rows", help: "Rows of our tables, as the server last counted them.", labels: labels,
                value: Double(table.live))
            try metrics.gauge(
                "spanq_engine_dead_rows", help: "Versions of rows that nobody needs and no vacuum has removed.",
                labels: labels, value: Double(table.dead))
        }
        // Who keeps dead rows: all kinds are there, so that one that goes does not stay on a page.
        for kind in ServerReading.kinds {
            let holder = reading.holder.flatMap { $0.kind == kind ? $0 : nil }
            let labels = [engine, MetricLabel("kind", kind)]
            try metrics.gauge(
                "spanq_engine_oldest_snapshot_seconds",
                help: "For how long the oldest snapshot, if it is of this kind, has kept dead rows.", unit: "seconds",
                labels: labels, value: Double(max(0, holder?.seconds ?? 0)))
            try metrics.gauge(
                "spanq_engine_oldest_snapshot_transactions",
                help: "How many transactions old the oldest snapshot is, if it is of this kind.", labels: labels,
                value: Double(max(0, holder?.age ?? 0)))
            try metrics.gauge(
                "spanq_engine_oldest_snapshot_pid",
                help: "The process that has the oldest snapshot, if it is of this kind; 0 for none.", labels: labels,
                value: Double(holder?.pid ?? 0))
        }
    }
}

/// What the server told at once.
private struct ServerReading {
    /// What can keep dead rows.
    static let kinds = ["session", "prepared_transaction", "replication_slot"]

    let connections, mostConnections: Int64
    /// Nil for a standby that has received nothing.
    let walBytes: Int64?
    let tables: [(name: String, live: Int64, dead: Int64)]
    let holder: (kind: String, pid: Int64?, age: Int64, seconds: Int64?)?

    init(_ rows: PostgresRows) throws(SpanQueueError) {
        do throws(PostgresError) {
            connections = try rows.integer(0, 0)
            mostConnections = try rows.integer(0, 1)
            walBytes = try rows.optionalInteger(0, 2)
            let names = try rows.texts(0, 3)
            let (live, dead) = (try rows.integers(0, 4), try rows.integers(0, 5))
            guard live.count == names.count, dead.count == names.count else {
                throw PostgresError(.protocolViolation, "the statistics of the tables do not fit together")
            }
            tables = names.indices.map { (names[$0], live[$0] ?? 0, dead[$0] ?? 0) }
            if let kind = try rows.optionalText(0, 6) {
                holder = (
                    kind, try rows.optionalInteger(0, 7), try rows.optionalInteger(0, 8) ?? 0,
                    try rows.optionalInteger(0, 9)
                )
            } else {
                holder = nil
            }
        } catch {
            throw SpanQueueError(error)
        }
    }
}
