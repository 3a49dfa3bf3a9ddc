// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

private import CSpanQueuePostgresSchema
package import PostgresClient
package import SpanQueue

/// The tables and functions in the database, and how they come there: numbered migrations, each one transaction.
package struct PostgresSchema: Sendable, Hashable {
    /// One step, as text of SQL.
    package struct Migration: Sendable, Hashable {
        package let number: Int
        package let text: String
    }

    /// The schema's name in the database.
    package let name: String

    /// - Throws: `.invalidArgument` where the name is not lower-case letters, digits and underscores, 1 to 40, and a letter first.
    package init(_ name: String = "spanq") throws(SpanQueueError) {
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let isName =
            (1...40).contains(name.utf8.count) && letters.contains(name.utf8.first ?? 0)
            && name.utf8.allSatisfy { letters.contains($0) || digits.contains($0) || $0 == UInt8(ascii: "_") }
        guard isName, !name.hasPrefix("pg_") else {
            throw SpanQueueError(
                .invalidArgument,
                "\"\(Excerpt.printable(name, limit: 60))\" is not a name for the schema: use up to 40 of a-z, 0-9 and _, a letter first"
            )
        }
        self.name = name
    }

    /// All there are, in their order.
    package var migrations: [Migration] {
        var count = 0
        guard let first = spanqueue_migrations(&count) else { return [] }
        return UnsafeBufferPointer(start: first, count: count).map { migration in
            let bytes = UnsafeBufferPointer(start: migration.text, count: migration.size)
            return Migration(number: Int(migration.number), text: own(String(decoding: bytes, as: UTF8.self)))
        }
    }

    /// The number of the last one: what this program works with.
    package var latest: Int { migrations.last?.number ?? 0 }

    /// The channel on which idle workers hear of work.
    package var channel: String { own("spanq.wake") }

    /// The channel on which those who watch hear what becomes of jobs.
    package var eventChannel: String { own("spanq.events") }

    /// A text that names our schema, by the name that it has here.
    package func own(_ text: String) -> String {
        guard name != "spanq" else { return text }
        return text.split(separator: "spanq.", omittingEmptySubsequences: false).joined(separator: name + ".")
            .split(separator: " EXISTS spanq;", omittingEmptySubsequences: false).joined(separator: " EXISTS \(name);")
    }

    /// Who may call what, set after each migration: a function is everybody's when it is made, and ours are nobody's until they are given.
    /// Roles that may write the tables may call all of them, the new ones included; roles that may read a view may call what
    /// it is made of.
    private var rights: String {
        own(
            """
            DO $$
            DECLARE
              v_schema text := (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'spanq.tally'::regclass);
              v_right record;
            BEGIN
              EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA %s FROM PUBLIC', v_schema);
              FOR v_right IN
                SELECT DISTINCT a.grantee::regrole::text AS role FROM pg_class c, aclexplode(c.relacl) a
                WHERE c.oid = 'spanq.tally'::regclass AND a.privilege_type = 'INSERT' AND a.grantee NOT IN (0, c.relowner)
              LOOP
                EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA %s TO %s', v_schema, v_right.role);
              END LOOP;
              FOR v_right IN
                SELECT DISTINCT a.grantee::regrole::text AS role, p.oid::regprocedure::text AS function
                FROM pg_class c, aclexplode(c.relacl) a, pg_proc p
                WHERE c.relnamespace = v_schema::regnamespace AND c.relname IN ('transitions', 'errors')
                  AND a.privilege_type = 'SELECT' AND a.grantee NOT IN (0, c.relowner)
                  AND p.pronamespace = v_schema::regnamespace
                  AND p.proname IN ('moves', 'text_of', 'time_of', 'time_of_stamp', 'errors_1', 'error_groups')
              LOOP
                EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', v_right.function, v_right.role);
              END LOOP;
            END $$;
            """)
    }

    /// A migration with what makes it one transaction that no other stands beside, and notes that it was applied.
    package func script(_ migration: Migration) -> String {
        """
        BEGIN;
        SELECT pg_advisory_xact_lock(hashtext('spanq migrate \(name)'));
        \(migration.text)
        \(rights)
        INSERT INTO \(name).version (number) VALUES (\(migration.number));
        COMMIT;

        """
    }

    /// The number of the last migration that was applied; 0 where there is no schema.
    package func applied(on url: PostgresURL) async throws -> Int {
        let there = try await PostgresScript.run("SELECT to_regclass('\(name).version')::text", on: url)
        guard there != nil else { return 0 }
        let number = try await PostgresScript.run("SELECT coalesce(max(number), 0) FROM \(name).version", on: url)
        return number.flatMap { Int($0) } ?? 0
    }

    /// Applies what is missing, and gives the numbers of what it applied. Others may do the same at the same time.
    ///
    /// Throws `SpanQueueError`.
    package func migrate(on url: PostgresURL) async throws -> [Int] {
        do {
            var done: [Int] = []
            let applied = try await applied(on: url)
            for migration in migrations where migration.number > applied {
                do {
                    _ = try await PostgresScript.run(script(migration), on: url)
                    done.append(migration.number)
                } catch let error as PostgresError {
                    // Somebody else may have been there first.
                    guard try await self.applied(on: url) >= migration.number else { throw error }
                }
            }
            return done
        } catch let error as PostgresError {
            throw SpanQueueError(error)
        }
    }
}
