// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Logging
import PostgresClient
import SpanQueue
import SpanQueueCommand
import SpanQueuePostgres

/// `spanq pg …`
struct PostgresCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pg", abstract: "Prepare a Postgres database for jobs, and see how it is.",
        subcommands: [PostgresMigrateCommand.self, PostgresDoctorCommand.self])
}

/// `spanq pg migrate`
struct PostgresMigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Make our tables and functions in the database, or bring them up to date.",
        discussion: """
            As often as you like, and from several places at once: each step is one transaction, and is done once. The database's user \
            must be allowed to make a schema there.
            """)

    @Flag(help: "Print the SQL of all steps instead, for those who run it themselves.")
    var print = false

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let (url, schema) = try global.postgres(needsURL: !print)
        if print {
            for migration in schema.migrations { Console.print(schema.script(migration)) }
            return
        }
        guard let url else { return }
        let applied = try await schema.migrate(on: url)
        if global.json {
            return try JSONLine.print(MigrationView(schema: schema.name, applied: applied, migration: schema.latest))
        }
        let done = applied.isEmpty ? "nothing to do" : "applied \(applied.map(String.init).joined(separator: ", "))"
        Console.print("schema \(schema.name) on \(url): \(done), at migration \(schema.latest)")
    }
}

/// What a migration did, as `--json` shows it.
private struct MigrationView: Encodable {
    let schema: String
    let applied: [Int]
    let migration: Int
}

/// `spanq pg doctor`
struct PostgresDoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "See how the database is: its version, our tables, dead rows and who keeps them, connections.",
        discussion: "Ends with 1 where it found something to do.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let (url, schema) = try global.postgres(needsURL: true)
        guard let url else { return }
        let health = try await PostgresHealth.look(
            at: url, schema, timeout: .seconds(5), logger: Logger(label: "spanq") { _ in SwiftLogNoOpLogHandler() })
        if global.json { try JSONLine.print(DoctorView(health)) } else { Self.print(health) }
        if !health.findings.isEmpty { throw ExitCode(CommandExit.failed.rawValue) }
    }

    private static func print(_ health: PostgresHealth) {
        Console.print(
            "Postgres \(health.version), migration \(health.migration), \(health.connections) of "
                + "\(health.maximumConnections) connections")
        let programs = health.programs.map { "\(Excerpt.printable($0.name, limit: 60)) \($0.connections)" }
        if !programs.isEmpty { Console.print("connections of " + programs.joined(separator: ", ")) }
        if !health.tables.isEmpty {
            var table = Table(.text("TABLE"), .number("ROWS"), .number("DEAD"), .number("KIB"), .text("VACUUM"))
            for entry in health.tables {
                table.add(
                    entry.name, "\(entry.live)", "\(entry.dead)", "\(entry.bytes / 1024)",
                    entry.vacuumedSecondsAgo.map { "\($0) s ago" } ?? "never")
            }
            table.print()
        }
        for finding in health.findings { Console.print("! \(finding)") }
        if health.findings.isEmpty { Console.print("Nothing to do.") }
    }
}

/// The same as `--json` shows it.
private struct DoctorView: Encodable {
    struct Table: Encodable {
        let name: String
        let rows, dead, bytes: Int64
        let vacuumedSecondsAgo: Int64?

        private enum CodingKeys: String, CodingKey {
            case name, rows, dead, bytes
            case vacuumedSecondsAgo = "vacuumed_seconds_ago"
        }
    }

    struct Program: Encodable {
        let name: String
        let connections: Int64
    }

    struct Holder: Encodable {
        let kind, name: String
        let pid, seconds: Int64?
        let age: Int64
    }

    let version: String
    let migration, latestMigration: Int
    let connections, maximumConnections: Int64
    let programs: [Program]
    let tables: [Table]
    let oldestHolder: Holder?
    let findings: [String]

    private enum CodingKeys: String, CodingKey {
        case version, migration, connections, programs, tables, findings
        case latestMigration = "latest_migration"
        case maximumConnections = "maximum_connections"
        case oldestHolder = "oldest_holder"
    }

    init(_ health: PostgresHealth) {
        version = health.version
        migration = health.migration
        latestMigration = health.latestMigration
        connections = health.connections
        maximumConnections = health.maximumConnections
        programs = health.programs.map { Program(name: $0.name, connections: $0.connections) }
        tables = health.tables.map {
            Table(
                name: $0.name, rows: $0.live, dead: $0.dead, bytes: $0.bytes, vacuumedSecondsAgo: $0.vacuumedSecondsAgo)
        }
        oldestHolder = health.oldestHolder.map {
            Holder(kind: $0.kind, name: $0.name, pid: $0.pid, seconds: $0.seconds, age: $0.age)
        }
        findings = health.findings
    }
}

extension GlobalOptions {
    /// Where Postgres is, and our schema there.
    ///
    /// - Throws: a usage error where the settings name another engine, or, if one is needed, no URL.
    fileprivate func postgres(needsURL: Bool) throws -> (url: PostgresURL?, schema: PostgresSchema) {
        var reader = try reader()
        let settings = try ConnectionSettings(&reader, logLevel: .error)
        guard let text = settings.postgresURL else {
            guard needsURL else { return (nil, try PostgresSchema(settings.postgres.schema)) }
            throw CommandFailure.usage(
                "where is Postgres? Set SPANQ_URL or --engine-url to postgres://user@host:5432/database")
        }
        let (url, schema) = try settings.postgres.checked(text)
        return (url, schema)
    }
}
