// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresServerFixture
import Testing

@testable import PostgresClient

@Suite("prepared statements", .timeLimit(.minutes(3)))
struct PreparedTests {
    private static let question = "SELECT count(*) FROM pg_prepared_statements WHERE statement = $1"

    private func prepared(_ statement: String, by client: PostgresClient) async throws -> Int64 {
        try await client.ask(Self.question, .text(statement)).integer(0, 0)
    }

    @Test("a statement that comes again is prepared, for the types that its parameters have")
    func again() async throws {
        try await withClient { client in
            let twice = "SELECT $1 + $1"
            for number in Int64(1)...5 {
                #expect(try await client.ask(twice, .int8(number)).integer(0, 0) == 2 * number)
                #expect(try await client.ask(twice, .int4(Int(number))).integer(0, 0) == 2 * number)
            }
            #expect(try await prepared(twice, by: client) == 2)
            try await client.ask("SELECT 'once'")
            #expect(try await prepared("SELECT 'once'", by: client) == 0)
        }
    }

    @Test("one that can't be prepared says why, each time, and is prepared once it can be")
    func missing() async throws {
        try await withClient { client in
            let call = "SELECT not_yet($1)"
            try await client.ask("SELECT 1")
            for _ in 0..<3 {
                let error = await postgresError { try await client.ask(call, .int8(1)) }
                #expect(error?.code == .noSchema && error?.mayHaveRun == false)
            }
            try await client.ask("CREATE FUNCTION not_yet(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT $1 + 1'")
            for _ in 0..<3 { #expect(try await client.ask(call, .int8(1)).integer(0, 0) == 2) }
            #expect(try await prepared(call, by: client) == 1)
            // Another function in its place.
            try await client.ask(
                "CREATE OR REPLACE FUNCTION not_yet(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT $1 + 2'")
            #expect(try await client.ask(call, .int8(1)).integer(0, 0) == 3)
        }
    }

    @Test("a session that has forgotten its statements answers all the same, also where many calls are on their way")
    func forgotten() async throws {
        try await withClient { client in
            let call = PostgresCall("x", "SELECT $1", [.int8(7)])
            for _ in 0..<3 { _ = try await client.run(call, idempotent: false) }
            try await client.ask("DEALLOCATE ALL")
            let answers = try await client.pipeline([call, call, call], idempotent: false)
            let numbers = try answers.map { try $0.get().integer(0, 0) }
            #expect(numbers == [7, 7, 7])
            #expect(try await client.run(call, idempotent: false).integer(0, 0) == 7)
        }
    }

    @Test("behind a pooler nothing is prepared", .enabled(if: Pooler.isThere))
    func pooled() async throws {
        try await withServer { direct, server in
            let pooler = try await Pooler.start(for: server, connections: 1)
            defer { pooler.stop() }
            try await withClient(url: pooler.url) { client in
                for number in Int64(1)...5 {
                    let answer = try await client.ask("SELECT $1", .int8(number)).integer(0, 0)
                    #expect(answer == number)
                }
                let count = try await client.ask("SELECT count(*) FROM pg_prepared_statements").integer(0, 0)
                #expect(count == 0)
            }
            for _ in 0..<3 { try await direct.ask("SELECT $1", .int8(1)) }
            #expect(try await prepared("SELECT $1", by: direct) == 1)
        }
    }
}
