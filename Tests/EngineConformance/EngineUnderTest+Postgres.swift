// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import PostgresClient
import PostgresServerFixture
import SpanQueue
import SpanQueuePostgres

extension EngineUnderTest {
    /// The Postgres engine, on one server for all tests: each has a schema of its own, whose clock the test moves. What is less than a
    /// second is waited for. `SPANQ_TEST_SQL` names a file with functions to put in the place of ours: do the tests notice ones that are wrong?
    static let postgres = EngineUnderTest(
        name: "postgres", passesHours: true, trimsAtOnce: false, auditor: { PostgresAudit(of: $0) }
    ) {
        let running = try await server.value
        let url = try PostgresURL(running.url)
        var options = PostgresEngineOptions()
        options.schema = "t_" + String(UInt64.random(in: .min ... .max), radix: 36)
        let schema = try PostgresSchema(options.schema)
        _ = try await schema.migrate(on: url)
        _ = try await PostgresScript.run(
            schema.own(
                """
                CREATE TABLE spanq.test_clock (ahead bigint NOT NULL);
                INSERT INTO spanq.test_clock VALUES (0);
                CREATE OR REPLACE FUNCTION spanq.clock() RETURNS bigint LANGUAGE sql VOLATILE AS $$
                  SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + (SELECT ahead FROM spanq.test_clock)
                $$;
                """), on: url)
        if let mutant = try ProcessInfo.processInfo.environment["SPANQ_TEST_SQL"].map({
            try String(contentsOfFile: $0, encoding: .utf8)
        }) {
            _ = try await PostgresScript.run(schema.own(mutant), on: url)
        }
        let source = EngineSource.postgres(running.url, options)
        let engine = try source.make(EngineEnvironment(logger: Logger(label: "conformance")))
        return (
            engine,
            { duration in
                guard duration >= .seconds(1) else { return try await Task.sleep(for: duration) }
                let microseconds = duration / .microseconds(1)
                _ = try await PostgresScript.run(
                    schema.own("UPDATE spanq.test_clock SET ahead = ahead + \(Int64(microseconds))"), on: url)
                // A clock that jumps is learnt, or the next calls are too late by it.
                _ = try await engine.now()
            }
        )
    }

    /// Started by the first test that needs it; it ends with this process.
    private static let server = Task { try await PostgresServer.start() }
}
