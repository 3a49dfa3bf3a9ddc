// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresServerFixture
import SpanQueueLoop
import Synchronization
import Testing

@testable import PostgresClient

@Suite("client", .timeLimit(.minutes(3)))
struct ClientTests {
    @Test("each of many concurrent calls gets its own answer")
    func own() async throws {
        try await withClient { client in
            try await withThrowingTaskGroup(of: (Int64, Int64).self) { group in
                for number in Int64(0)..<2000 {
                    group.addTask { (number, try await client.ask("SELECT $1", .int8(number)).integer(0, 0)) }
                }
                for try await (asked, answered) in group { #expect(asked == answered) }
            }
        }
    }

    @Test("calls of one pipeline run in their order, and one that fails spoils nothing behind it")
    func pipeline() async throws {
        try await withClient { client in
            let answers = try await client.pipeline(
                ["SELECT 1::bigint", "SELECT 1/0", "SELEC", "SELECT 4::bigint"].map { PostgresCall("x", $0) },
                idempotent: true)
            #expect(try answers[0].get().integer(0, 0) == 1)
            #expect(try answers[3].get().integer(0, 0) == 4)
            let codes = answers.map {
                if case .failure(let error) = $0 { error.code } else { nil } as PostgresError.Code?
            }
            #expect(codes == [nil, .other("22012"), .other("42601"), nil])
        }
    }

    @Test("each call is a transaction of its own, and what fails leaves nothing")
    func transactions() async throws {
        try await withClient { client in
            try await client.ask("CREATE TABLE own (n int)")
            let answers = try await client.pipeline(
                [
                    "INSERT INTO own VALUES (1)",
                    "INSERT INTO own SELECT n FROM (VALUES (2), (1/(random()*0)::int)) v(n)",
                    "INSERT INTO own VALUES (3)",
                ].map { PostgresCall("x", $0) }, idempotent: false)
            #expect(answers.map { if case .success = $0 { true } else { false } } == [true, false, true])
            #expect(try await client.ask("SELECT sum(n) FROM own").integer(0, 0) == 4)
        }
    }

    @Test("a cancelled caller resumes at once, and nobody gets its answer")
    func cancelled() async throws {
        try await withClient { client in
            try await client.ask("SELECT 1")
            let slow = Task { try await client.ask("SELECT 1::bigint FROM pg_sleep(0.3)") }
            #expect(try await eventually { await client.hasWritten })
            let next = Task { try await client.ask("SELECT 2::bigint").integer(0, 0) }
            slow.cancel()
            let start = ContinuousClock.now
            await #expect(throws: CancellationError.self) { try await slow.value }
            #expect(try await next.value == 2)
            #expect(ContinuousClock.now - start < .seconds(20))
            #expect(try await client.ask("SELECT 3::bigint").integer(0, 0) == 3)
        }
    }

    @Test("a call that was cancelled before it was sent never runs")
    func neverRuns() async throws {
        try await withClient { client in
            try await client.ask("CREATE TABLE never (n int)")
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                try await client.askOnce("INSERT INTO never VALUES (1)")
            }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(try await client.ask("SELECT count(*) FROM never").integer(0, 0) == 0)
        }
    }

    @Test("one who must know waits for the answer, although cancelled")
    func certain() async throws {
        try await withClient { client in
            try await client.ask("SELECT 1")
            let task = Task {
                try await client.run(
                    PostgresCall("x", "SELECT 7::bigint FROM pg_sleep(0.2)"), idempotent: true, certain: true)
            }
            #expect(try await eventually { await client.hasWritten })
            task.cancel()
            #expect(try await task.value.integer(0, 0) == 7)
        }
    }

    @Test("a call that is not answered in time may have run; the next goes out on another connection")
    func timeout() async throws {
        try await withClient { client in
            try await client.ask("SELECT 1")
            let error = await postgresError {
                try await client.askOnce("SELECT pg_sleep(60)", timeout: .milliseconds(200))
            }
            #expect(error?.code == .timeout)
            #expect(error?.mayHaveRun == true)
            #expect(try await client.ask("SELECT 8::bigint").integer(0, 0) == 8)
            #expect(await client.generation == 2)
        }
    }

    @Test("where another transaction is in the way, the call is made again until it is not")
    func conflict() async throws {
        try await withClient { client in
            try await client.ask("CREATE TABLE busy (n int)")
            try await client.ask(
                """
                CREATE FUNCTION take() RETURNS bigint LANGUAGE plpgsql SET lock_timeout = '20ms' AS
                $$ BEGIN LOCK TABLE busy IN EXCLUSIVE MODE; RETURN 1; END $$
                """)
            try await withClient { other in
                let holding = Task { try await other.ask("SELECT 1 FROM (SELECT take()) t, pg_sleep(0.4)") }
                #expect(
                    try await eventually {
                        try await client.ask(
                            "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND granted AND relation = 'busy'::regclass"
                        )
                        .integer(0, 0) == 1
                    })
                async let taken = client.askOnce("SELECT take()")
                #expect(try await eventually { await client.hasParked })
                #expect(try await taken.integer(0, 0) == 1)
                _ = try await holding.value
            }
        }
    }

    @Test("a conflict that does not end by the deadline is an error, and nothing has run")
    func conflictUntilTheEnd() async throws {
        try await withClient { client in
            let raise = "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$"
            let error = await postgresError { try await client.askOnce(raise, timeout: .milliseconds(300)) }
            #expect(error?.code == .conflict)
            #expect(error?.mayHaveRun == false)
        }
    }

    @Test("notifications are heard, also after the connection was replaced")
    func notifications() async throws {
        let heard = Mutex<[String]>([])
        var configuration = PostgresClient.Configuration()
        configuration.channel = "some.channel"
        configuration.onNotify = { payload in heard.withLock { $0.append(payload) } }
        try await withClient(configuration: configuration) { listener in
            try await withClient { client in
                // An answer means that the LISTEN before it has been done.
                try await listener.ask("SELECT 1")
                try await client.ask("SELECT pg_notify('some.channel', 'one')")
                #expect(try await eventually { heard.withLock { $0 } == ["one"] })
                let backend = try #require(await listener.backend)
                try await client.ask("SELECT pg_terminate_backend($1)", .int4(Int(backend)))
                #expect(try await eventually { await listener.generation == 2 })
                try await listener.ask("SELECT 1")
                try await client.ask("SELECT pg_notify('some.channel', 'two')")
                #expect(try await eventually { heard.withLock { $0 } == ["one", "two"] })
            }
        }
    }

    @Test("a closed client refuses calls, and ends those under way")
    func closed() async throws {
        try await withClient { client in
            try await client.ask("SELECT 1")
            let task = Task { await postgresError { try await client.ask("SELECT pg_sleep(30)") } }
            #expect(try await eventually { await client.hasWritten })
            await client.close()
            #expect(await task.value?.code == .closed)
            #expect(await task.value?.mayHaveRun == true)
            let late = await postgresError { try await client.ask("SELECT 1") }
            #expect(late?.code == .closed && late?.mayHaveRun == false)
        }
    }

    @Test("too many calls at once are refused, and nothing of them runs")
    func overloaded() async throws {
        var configuration = PostgresClient.Configuration()
        configuration.maximumPendingCalls = 1
        try await withClient(configuration: configuration) { client in
            try await client.ask("SELECT 1")
            let first = Task { try await client.ask("SELECT 1 FROM pg_sleep(0.3)") }
            #expect(try await eventually { await client.hasWritten })
            let error = await postgresError { try await client.ask("SELECT 2") }
            #expect(error?.code == .overloaded)
            _ = try await first.value
            try await client.ask("SELECT 3")
        }
    }
}
