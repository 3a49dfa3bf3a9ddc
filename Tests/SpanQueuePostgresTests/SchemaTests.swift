// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import PostgresClient
import SpanQueue
import Testing

@testable import SpanQueuePostgres

@Suite("schema", .timeLimit(.minutes(3)))
struct SchemaTests {
    @Test("a migration is applied once, also where several apply it at the same time")
    func once() async throws {
        let database = try await Database(migrated: false)
        let applied = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<4 { group.addTask { try await database.schema.migrate(on: database.url) } }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(applied.sorted() == database.schema.migrations.map(\.number))
        #expect(try await database.schema.migrate(on: database.url).isEmpty)
        #expect(try await database.schema.applied(on: database.url) == database.schema.latest)
        #expect(try await database.sql("SELECT count(*) FROM spanq.version") == "\(database.schema.migrations.count)")
    }

    @Test("a migration that fails leaves nothing")
    func fails() async throws {
        let database = try await Database(migrated: false)
        let broken = PostgresSchema.Migration(number: 1, text: database.schema.migrations[0].text + "SELECT 1/0;")
        await #expect(throws: PostgresError.self) {
            try await PostgresScript.run(database.schema.script(broken), on: database.url)
        }
        #expect(try await database.schema.applied(on: database.url) == 0)
        #expect(try await database.sql("SELECT to_regclass('spanq.job')::text") == nil)
    }

    @Test("a start without a schema, or with an older or newer one, says what to do")
    func start() async throws {
        let empty = try await Database(migrated: false)
        let missing = await #expect(throws: SpanQueueError.self) { try await empty.withEngines { _ in } }
        #expect(missing?.code == .unsupported && missing?.message.contains("spanq pg migrate") == true)
        let database = try await Database()
        try await database.withEngines { _ in }
        try await database.sql("UPDATE spanq.version SET number = 0 WHERE number = \(database.schema.latest)")
        let older = await #expect(throws: SpanQueueError.self) { try await database.withEngines { _ in } }
        #expect(older?.code == .unsupported && older?.message.contains("spanq pg migrate") == true)
        try await database.sql("INSERT INTO spanq.version (number) VALUES (1000)")
        let newer = await #expect(throws: SpanQueueError.self) { try await database.withEngines { _ in } }
        #expect(newer?.code == .unsupported && newer?.message.contains("upgrade SpanQueue") == true)
    }

    @Test(
        "names that are more than a word are refused",
        arguments: ["", "A", "1a", "a b", "a;b", "a\"b", "pg_x", "ü", String(repeating: "a", count: 41)])
    func names(name: String) {
        let error = #expect(throws: SpanQueueError.self) { try PostgresSchema(name) }
        #expect(error?.code == .invalidArgument)
        var options = PostgresEngineOptions()
        options.schema = name
        #expect(throws: SpanQueueError.self) { try options.checked("postgres://h/d") }
    }

    @Test(
        "a role that had its rights before a migration has them after it, and they are enough for all that an engine does"
    )
    func rights() async throws {
        let database = try await Database(migrated: false)
        let schema = database.schema
        for migration in schema.migrations.prefix(3) {
            _ = try await PostgresScript.run(schema.script(migration), on: database.url)
        }
        let role = schema.name + "_app"
        try await database.sql(
            """
            CREATE ROLE \(role) LOGIN;
            GRANT USAGE ON SCHEMA \(schema.name) TO \(role);
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \(schema.name) TO \(role);
            GRANT USAGE ON ALL SEQUENCES IN SCHEMA \(schema.name) TO \(role);
            """)
        #expect(try await schema.migrate(on: database.url) == schema.migrations.dropFirst(3).map(\.number))
        var options = PostgresEngineOptions()
        options.schema = schema.name
        let url = try PostgresURL(database.url.text.replacing("spanq@", with: "\(role)@"))
        let engine = PostgresEngine(
            url: url, schema: schema, options: options,
            environment: EngineEnvironment(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        do {
            try await engine.start()
            _ = try await engine.enqueue([job("a"), job("b"), job("c")])
            let claimed = try #require(try await engine.claim(claim(1)).jobs.first)
            #expect(try await engine.extend([claimed.reference], in: "q", by: .seconds(9)).lost.isEmpty)
            #expect(try await engine.report(JobProgress(fraction: 0.5, note: ""), on: claimed))
            #expect(try await engine.settleAll([Settlement(claimed, .bury(.permanent))]) == [.settled])
            #expect(try await engine.search(SearchRequest(queue: "q", state: .dead, query: JobQuery())).jobs.count == 1)
            #expect(
                try await engine.types(SearchRequest(queue: "q", state: .ready, query: JobQuery())).counts == [
                    "test": 2
                ])
            #expect(
                try await engine.perform(.cancel(reason: ""), on: ["b"], in: "q", if: .ready, by: nil)
                    == [.done(.cancelled)])
            #expect(try await engine.performAll(BulkRequest(queue: "q", state: .dead, action: .redrive)).done == 1)
            let error = ErrorCount(fingerprint: 1, jobType: "t", errorType: "e", masked: "m")
            try await engine.add([error], to: "q", version: "1")
            #expect(try await engine.errors(in: "q").count == 1)
            try await engine.add([AttemptTally(type: "t")], to: "q")
            #expect(try await engine.history(of: ["q"], .minute, last: 2, namesTypes: true)[0].isEmpty == false)
            #expect(try await engine.readyByPriority(of: ["q"])[0].reduce(0, +) == 2)
            _ = try await engine.reclaim(ReclaimRequest(queue: "q"))
            _ = try await engine.sweep("q", within: .seconds(1))
            #expect(try await engine.entries(before: nil, limit: 1).isEmpty)
            #expect(try await engine.counts(of: ["q"])[0][.ready] == 2)
            let audit = try #require(PostgresAudit(of: engine))
            #expect(try await audit.run().violations.isEmpty)
            await engine.shutdown()
        } catch {
            await engine.shutdown()
            throw error
        }
        #expect(try await PostgresScript.run(schema.own("SELECT count(*) FROM spanq.errors"), on: url) == "1")
    }

    @Test("what names our schema names it by the name that it has")
    func own() async throws {
        let database = try await Database()
        let foreign = try await database.sql(
            """
            SELECT count(*) FROM pg_proc WHERE pronamespace = '\(database.schema.name)'::regnamespace
            AND prosrc ~ '\\mspanq\\.'
            """)
        #expect(foreign == "0")
        #expect(try PostgresSchema().own("SELECT spanq.clock()") == "SELECT spanq.clock()")
    }
}
