// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import PostgresServerFixture
import SpanQueue
import Testing

@testable import SpanQueuePostgres

@Suite("rights", .timeLimit(.minutes(5)))
struct RoleTests {
    /// What the roles of docs/postgres.md are given, and what they may then call.
    private enum Role: String, CaseIterable {
        case owner, app, web, handler, canceller, reader, visitor, stranger

        var grants: [String] {
            switch self {
            case .owner: []
            case .app:
                [
                    "USAGE ON SCHEMA spanq.", "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA spanq.",
                    "USAGE ON ALL SEQUENCES IN SCHEMA spanq.", "EXECUTE ON ALL FUNCTIONS IN SCHEMA spanq.",
                ]
            case .web: ["USAGE ON SCHEMA spanq.", "EXECUTE ON FUNCTION spanq.enqueue, spanq.enqueue_many"]
            case .handler: ["USAGE ON SCHEMA spanq.", "EXECUTE ON FUNCTION spanq.complete"]
            case .canceller: ["USAGE ON SCHEMA spanq.", "EXECUTE ON FUNCTION spanq.cancel"]
            case .reader:
                [
                    "USAGE ON SCHEMA spanq.", "SELECT ON spanq.transitions",
                    "EXECUTE ON FUNCTION spanq.moves, spanq.text_of, spanq.time_of, spanq.time_of_stamp",
                ]
            case .visitor: ["USAGE ON SCHEMA spanq."]
            case .stranger: []
            }
        }

        func mayCall(_ function: SQLFunction) -> Bool {
            switch self {
            case .owner, .app: true
            case .web: ["enqueue", "enqueue_many"].contains(function.name)
            case .handler: function.name == "complete"
            case .canceller: function.name == "cancel"
            case .reader: ["moves", "text_of", "time_of", "time_of_stamp"].contains(function.name)
            case .visitor, .stranger: false
            }
        }

        /// A table, and whether it may be read and changed.
        func mayTouch(_ table: String, reading: Bool) -> Bool {
            self == .owner || self == .app || self == .reader && reading && table == "transitions"
        }
    }

    @Test("each role may call what it was given, and nothing else; whoever was given nothing may call nothing")
    func matrix() async throws {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        let database = try await Database(on: server)
        try await database.withEngines { engines in
            _ = try await engines[0].enqueue([job("a")])
            _ = try await engines[0].claim(claim())
            try await database.sql("UPDATE spanq.live SET token = 1, nonce = 1")
        }
        try await database.sql(
            """
            INSERT INTO spanq.queue (name, pause_at, pause_note, pause_by) VALUES ('paused', 1, 'x', 'x');
            CREATE SCHEMA probe;
            CREATE VIEW probe.job AS SELECT * FROM spanq.job;
            GRANT USAGE ON SCHEMA probe TO PUBLIC; GRANT SELECT ON probe.job TO PUBLIC
            """)
        let functions = try await SQLFunction.all(in: database)
        for role in Role.allCases {
            try await database.sql("CREATE ROLE r_\(role) LOGIN \(role == .owner ? "SUPERUSER" : "")")
            for grant in role.grants {
                try await database.sql(
                    "GRANT \(grant.replacing("SCHEMA spanq.", with: "SCHEMA \(database.schema.name)")) TO r_\(role)")
            }
            let url = try PostgresURL(database.url.text.replacing("spanq@", with: "r_\(role)@"))
            /// Tries, and takes back what it has done. Nil where it may.
            func refusal(_ statement: String) async throws -> String? {
                do {
                    _ = try await PostgresScript.run(
                        "BEGIN; \(database.schema.own(statement)); ROLLBACK", on: url)
                    return nil
                } catch let error as PostgresError {
                    return error.code == .authentication ? "refused" : error.message
                }
            }
            for function in functions {
                let answer = try await refusal(function.call(in: database.schema.name))
                #expect(answer == (role.mayCall(function) ? nil : "refused"), "\(role) calls \(function)")
            }
            for table in ["job", "live", "done", "queue", "lock", "tally", "told", "worker", "journal", "transitions"] {
                let reads = try await refusal("SELECT * FROM spanq.\(table)")
                #expect(reads == (role.mayTouch(table, reading: true) ? nil : "refused"), "\(role) reads \(table)")
                guard table != "transitions" else { continue }
                let changes = try await refusal("DELETE FROM spanq.\(table)")
                #expect(
                    changes == (role.mayTouch(table, reading: false) ? nil : "refused"), "\(role) changes \(table)")
            }
            if role != .owner {
                let makes = try await refusal("CREATE TABLE spanq.mine (n int)")
                #expect(makes == "refused", "\(role) makes a table")
            }
        }
    }

    @Test("a migration takes the functions from everybody, and leaves them to whom the roles of before were for")
    func upgraded() async throws {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        let database = try await Database(on: server, migrated: false)
        let (schema, url) = (database.schema, database.url)
        for migration in schema.migrations.prefix(6) {
            // As a program of before has applied it.
            _ = try await PostgresScript.run(
                "\(migration.text); INSERT INTO \(schema.name).version (number) VALUES (\(migration.number))", on: url)
        }
        try await database.withRoles(["app", "web", "reader", "visitor"]) { role in
            try await database.sql(
                """
                GRANT USAGE ON SCHEMA \(schema.name) TO \(role("app")), \(role("web")), \(role("reader")), \(role("visitor"));
                GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \(schema.name) TO \(role("app"));
                GRANT USAGE ON ALL SEQUENCES IN SCHEMA \(schema.name) TO \(role("app"));
                GRANT EXECUTE ON FUNCTION spanq.enqueue TO \(role("web"));
                GRANT SELECT ON ALL TABLES IN SCHEMA \(schema.name) TO \(role("reader"))
                """)
            func may(_ name: String, _ statement: String) async throws -> Bool {
                let own = try PostgresURL(url.text.replacing("spanq@", with: "\(role(name))@"))
                do {
                    _ = try await PostgresScript.run("BEGIN; \(schema.own(statement)); ROLLBACK", on: own)
                    return true
                } catch let error as PostgresError where error.code == .authentication {
                    return false
                }
            }
            let (enqueue, cancel) = ("SELECT spanq.enqueue('q', 't', '1')", "SELECT spanq.cancel('q', 'a')")
            #expect(try await may("visitor", cancel), "before, everybody who sees the schema may")
            #expect(try await schema.migrate(on: url) == schema.migrations.dropFirst(6).map(\.number))
            for statement in [enqueue, cancel, "SELECT * FROM spanq.locks_1('q', NULL, 1)"] {
                let answers = [try await may("app", statement), try await may("visitor", statement)]
                #expect(answers == [true, false], "\(statement)")
            }
            #expect(try await may("web", enqueue))
            for statement in [cancel, "SELECT spanq.complete('q', 'a', 1)", "SELECT * FROM spanq.counts_1('{q}')"] {
                let answers = [try await may("web", statement), try await may("reader", statement)]
                #expect(answers == [false, false], "\(statement)")
            }
            _ = try await PostgresScript.run(schema.own(enqueue), on: url)
            for view in ["transitions", "errors"] {
                let answers = [
                    try await may("reader", "SELECT * FROM spanq.\(view)"),
                    try await may("web", "SELECT * FROM spanq.\(view)"),
                ]
                #expect(answers == [true, false], "\(view)")
            }
            let open = try await database.sql(
                """
                SELECT count(*) FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                WHERE p.pronamespace = '\(schema.name)'::regnamespace AND a.grantee = 0
                """)
            #expect(open == "0")
        }
    }

    @Test("functions that run with their owner's rights look for nothing where a caller could have put it")
    func paths() async throws {
        let database = try await Database()
        let functions = try await SQLFunction.all(in: database).filter(\.isDefiner)
        #expect(functions.count >= 4)
        for function in functions {
            #expect(function.settings.contains("search_path=pg_catalog, pg_temp"), "\(function)")
        }
        // A caller's own operators, casts and functions of well-known names are not used.
        let role = database.schema.name + "_web"
        try await database.sql(
            """
            CREATE ROLE \(role) LOGIN;
            CREATE SCHEMA \(role) AUTHORIZATION \(role);
            GRANT USAGE ON SCHEMA \(database.schema.name) TO \(role);
            GRANT EXECUTE ON FUNCTION spanq.enqueue, spanq.enqueue_many, spanq.cancel, spanq.complete TO \(role)
            """)
        let url = try PostgresURL(database.url.text.replacing("spanq@", with: "\(role)@"))
        let trap = """
            CREATE FUNCTION \(role).lower(text) RETURNS text LANGUAGE sql AS $$ SELECT current_user::text || 1 / 0 $$;
            CREATE FUNCTION \(role).cardinality(anyarray) RETURNS int LANGUAGE sql AS $$ SELECT 1 / 0 $$;
            CREATE FUNCTION \(role).coalesced(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT 1 / 0 = 1 $$;
            CREATE FUNCTION \(role).sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT repeat('a', 1 / 0)::bytea $$;
            CREATE OPERATOR \(role).= (LEFTARG = text, RIGHTARG = text, FUNCTION = \(role).coalesced);
            CREATE OPERATOR \(role).~ (LEFTARG = text, RIGHTARG = text, FUNCTION = \(role).coalesced);
            """
        _ = try await PostgresScript.run(trap, on: url)
        func asRole(_ text: String) async throws -> String? {
            try await PostgresScript.run(
                database.schema.own("SET search_path = \(role), pg_catalog; \(text)"), on: url)
        }
        #expect(
            try await asRole("SELECT spanq.enqueue('q', 't', '1', id => 'mine', unique_key => 'k')") == "mine")
        #expect(
            try await asRole("SELECT array_length(spanq.enqueue_many('q', ARRAY['t'], ARRAY['1']::jsonb[]), 1)") == "1")
        #expect(try await asRole("SELECT spanq.cancel('q', 'mine', 'no')") == "cancelled")
    }
}
