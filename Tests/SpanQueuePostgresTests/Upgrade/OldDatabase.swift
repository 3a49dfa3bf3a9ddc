// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import PostgresClient
import PostgresServerFixture
import SpanQueue
import Testing

@testable import SpanQueuePostgres

/// What is in the dump of an old database, and how it was made. A dump is made once: programs of its time are in it as functions, and
/// their like may be at work somewhere.
enum OldDatabase {
    /// How many jobs there are in each state.
    static let each = 3
    /// The jobs of the queue `q`: id and state, as the tables have it.
    static let all = [
        "scheduled": "s", "ready": "r", "active": "a", "retrying": "t", "completed": "c", "kept": "k", "dead": "d",
        "cancelled": "x",
    ].flatMap { name, state in (0..<each).map { "\(name)-\($0) \(state)" } }
}

@Suite(
    "a new dump for the upgrade test", .enabled(if: ProcessInfo.processInfo.environment["SPANQ_TEST_NEW_DUMP"] != nil))
struct NewDump {
    /// `SPANQ_TEST_NEW_DUMP=file` writes one: only for a migration that was never released.
    @Test("is written")
    func write() async throws {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        let database = try await Database(on: server, migrated: false, name: "spanq")
        for migration in database.schema.migrations.prefix(2) {
            try await database.sql(database.schema.script(migration))
        }
        // The engine's calls on jobs are those of then.
        try await database.sql(
            "INSERT INTO spanq.version (number) SELECT generate_series(3, \(database.schema.latest))")
        try await database.withEngines { try await fill($0[0], database) }
        try await database.sql("DELETE FROM spanq.version WHERE number > 2")
        let text = try server.output(of: "pg_dump", ["--inserts", "--no-owner", "--schema=spanq", "postgres"])
            .split(separator: "\n").filter { !$0.hasPrefix("--") && !$0.hasPrefix("\\") }.joined(separator: "\n")
        let head = """
            -- SPDX-License-Identifier: Apache-2.0
            -- SPDX-FileCopyrightText: the SpanQueue authors
            -- A database of migration 2 with jobs in every state, by pg_dump; OldDatabase.swift says how it was made.

            """
        let path = try #require(ProcessInfo.processInfo.environment["SPANQ_TEST_NEW_DUMP"])
        try (head + text + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }

    private func fill(_ engine: PostgresEngine, _ database: Database) async throws {
        func enqueue(_ name: String, _ schedule: Schedule = .now, _ retention: Retention = .standard) async throws {
            for number in 0..<OldDatabase.each {
                var new = job(JobID(unchecked: "\(name)-\(number)"), schedule: schedule)
                new.message.retention = retention
                _ = try await engine.enqueue([new])
            }
        }
        func settle(_ verdict: Verdict, _ error: String? = nil) async throws {
            let report = AttemptReport(errorType: error.map { _ in "Failure" }, error: error)
            let ends = try await engine.claim(claim()).jobs.map { Settlement($0, verdict, report) }
            #expect(ends.count == OldDatabase.each)
            #expect(try await engine.settleAll(ends).allSatisfy { $0 == .settled })
        }
        try await enqueue("completed")
        try await settle(.complete)
        try await enqueue("kept", .now, .duration(.hours(24 * 3650)))
        try await settle(.complete)
        try await enqueue("dead")
        try await settle(.bury(.permanent), "no")
        try await enqueue("retrying")
        try await settle(.retry(after: .hours(24 * 365 * 70)), "once")
        try await enqueue("cancelled")
        for number in 0..<OldDatabase.each {
            _ = try await engine.perform(
                .cancel(reason: "no use"), on: JobID(unchecked: "cancelled-\(number)"), in: "q", by: "ada")
        }
        try await enqueue("scheduled", .at(Timestamp(milliseconds: 4_102_444_800_000)))
        try await enqueue("active")
        _ = try await engine.claim(ClaimRequest(queue: "q", limit: 100, lease: .milliseconds(1), worker: "gone"))
        try await enqueue("ready")
        _ = try await database.sql(
            "SELECT spanq.enqueue('paused', 'test', '1', id => 'locked-0', unique_key => 'mine')")
        _ = try await engine.pause("paused", note: OperatorNote(reason: "a look", by: "ada"))
    }
}
