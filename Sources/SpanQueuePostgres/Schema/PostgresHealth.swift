// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging
package import PostgresClient
import SpanQueue
import SpanQueueLoop

/// How the server and our tables are, as `spanq pg doctor` tells it.
package struct PostgresHealth: Sendable {
    package struct Table: Sendable {
        package let name: String
        /// Rows, and versions of rows that nobody needs any more, as the server last counted them.
        package let live: Int64
        package let dead: Int64
        /// With its indexes.
        package let bytes: Int64
        /// Nil where no vacuum has been there since the server counts.
        package let vacuumedSecondsAgo: Int64?
    }

    /// What keeps dead versions of rows from being removed.
    package struct Holder: Sendable {
        /// `session`, `prepared transaction`, `replication slot`.
        package let kind: String
        package let name: String
        /// Nil for what is not a process.
        package let pid: Int64?
        /// In transactions.
        package let age: Int64
        package let seconds: Int64?
    }

    package let version: String
    package let migration: Int
    package let latestMigration: Int
    package let connections: Int64
    /// The names under which programs are connected, those with the most connections first; at most twenty. Ours is `spanq`.
    package let programs: [(name: String, connections: Int64)]
    package let maximumConnections: Int64
    package let fsync: Bool
    package let synchronousCommit: String
    package let tables: [Table]
    package let oldestHolder: Holder?

    /// Asks the server, on a connection of its own.
    ///
    /// Throws `SpanQueueError`.
    package static func look(
        at url: PostgresURL, _ schema: PostgresSchema, timeout: Duration, logger: Logger
    ) async throws -> PostgresHealth {
        let loop = LoopThread(name: "spanq-postgres")
        var configuration = PostgresClient.Configuration()
        configuration.waitsForServer = false
        configuration.callTimeout = timeout
        let client = PostgresClient(
            url: url, name: "spanq-doctor", configuration: configuration, loop: loop, logger: logger)
        let result: Result<PostgresHealth, any Error>
        do {
            try await client.connect(timeout: timeout)
            result = .success(try await look(client, schema))
        } catch let error as PostgresError {
            result = .failure(SpanQueueError(error))
        } catch {
            result = .failure(error)
        }
        await client.close()
        loop.stop()
        return try result.get()
    }

    /// Clients, and not the server's own processes. Who may not look at others is not told what theirs are, but in which database.
    private static let clients = """
        (SELECT * FROM pg_stat_activity WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend') c
        """

    private static func look(_ client: PostgresClient, _ schema: PostgresSchema) async throws -> PostgresHealth {
        let server = try await client.run(
            PostgresCall(
                "doctor",
                """
                SELECT current_setting('server_version'), current_setting('max_connections')::bigint,
                  (SELECT count(*) FROM \(clients)),
                  current_setting('fsync') = 'on', current_setting('synchronous_commit'),
                  to_regclass($1) IS NOT NULL
                """, [.text("\(schema.name).version")]), idempotent: true)
        var migration = 0
        if try server.bool(0, 5) {
            let applied = try await client.run(
                PostgresCall("doctor", "SELECT coalesce(max(number), 0) FROM \(schema.name).version"), idempotent: true)
            migration = Int(try applied.integer(0, 0))
        }
        let tables = try await client.run(
            PostgresCall(
                "doctor",
                """
                SELECT relname::text, n_live_tup, n_dead_tup, pg_total_relation_size(relid),
                  extract(epoch FROM clock_timestamp() - greatest(last_vacuum, last_autovacuum))::bigint
                FROM pg_stat_user_tables WHERE schemaname = $1 ORDER BY relname
                """, [.text(schema.name)]), idempotent: true)
        let holders = try await client.run(
            PostgresCall(
                "doctor",
                """
                SELECT * FROM (
                  SELECT 'session', concat_ws(' ', usename, application_name, state), pid::bigint, age(backend_xmin)::bigint AS age,
                    extract(epoch FROM clock_timestamp() - xact_start)::bigint
                  FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
                  UNION ALL
                  SELECT 'prepared transaction', gid, NULL, age(transaction)::bigint,
                    extract(epoch FROM clock_timestamp() - prepared)::bigint FROM pg_prepared_xacts
                  UNION ALL
                  SELECT 'replication slot', slot_name::text, active_pid::bigint,
                    greatest(age(xmin), age(catalog_xmin))::bigint, NULL
                  FROM pg_replication_slots WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL
                ) holders ORDER BY age DESC LIMIT 1
                """), idempotent: true)
        let programs = try await client.run(
            PostgresCall(
                "doctor",
                """
                SELECT coalesce(nullif(application_name, ''), 'without a name'), count(*) FROM \(clients)
                GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20
                """), idempotent: true)
        return PostgresHealth(
            version: try server.text(0, 0), migration: migration, latestMigration: schema.latest,
            connections: try server.integer(0, 2),
            programs: try (0..<programs.count).map { (try programs.text($0, 0), try programs.integer($0, 1)) },
            maximumConnections: try server.integer(0, 1),
            fsync: try server.bool(0, 3), synchronousCommit: try server.text(0, 4),
            tables: try (0..<tables.count).map { row in
                Table(
                    name: try tables.text(row, 0), live: try tables.integer(row, 1), dead: try tables.integer(row, 2),
                    bytes: try tables.integer(row, 3), vacuumedSecondsAgo: try tables.optionalInteger(row, 4))
            },
            oldestHolder: holders.count == 0
                ? nil
                : Holder(
                    kind: try holders.text(0, 0), name: try holders.text(0, 1), pid: try holders.optionalInteger(0, 2),
                    age: try holders.integer(0, 3), seconds: try holders.optionalInteger(0, 4)))
    }

    /// What a person should look at, in words; empty where all is well.
    package var findings: [String] {
        var findings: [String] = []
        if migration < latestMigration {
            findings.append(
                "the schema is at migration \(migration), and this version needs \(latestMigration): run spanq pg migrate"
            )
        }
        if migration > latestMigration {
            findings.append(
                "the schema is at migration \(migration), which this version does not know: upgrade SpanQueue")
        }
        if connections * 10 > maximumConnections * 9 {
            findings.append(
                "\(connections) of \(maximumConnections) connections are in use: raise max_connections, or use a pooler"
            )
        }
        for table in tables where table.dead > 50_000 && table.dead > table.live {
            findings.append(
                "\(table.name) has \(table.dead) dead rows beside \(table.live): see who keeps vacuum from removing them"
            )
        }
        if let holder = oldestHolder, holder.age > 100_000 || (holder.seconds ?? 0) > 300 {
            let pid = holder.pid.map { ", pid \($0)" } ?? ""
            let time = holder.seconds.map { " for \($0) s" } ?? ""
            findings.append("the \(holder.kind) \(holder.name)\(pid) keeps dead rows\(time): end it, or let it commit")
        }
        if !fsync { findings.append("fsync is off: a crash may destroy the database") }
        if synchronousCommit == "off" {
            findings.append("synchronous_commit is off: a crash may lose jobs whose enqueue was acknowledged")
        }
        return findings
    }
}
