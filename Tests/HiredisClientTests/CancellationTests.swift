// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import RedisServerFixture
import Testing

@testable import HiredisClient

@Suite("Cancelling commands", .timeLimit(.minutes(2)))
struct CancellationTests {
    @Test("10,000 calls cancelled at any moment: no reply reaches another caller, and the connection stays")
    func noMixUp() async throws {
        try await withClient { client, _ in
            try await client.connect()
            let outcomes = await withTaskGroup(of: (right: Int, cancelled: Int, wrong: Int).self) { group in
                for worker in 0..<20 {
                    group.addTask {
                        var (right, cancelled, wrong) = (0, 0, 0)
                        for index in 0..<500 {
                            let text = "\(worker):\(index)"
                            let doomed = Task { try await client.callOnce("ECHO", text).string() }
                            let kept = Task { try await client.callOnce("ECHO", "k" + text).string() }
                            for _ in 0..<(index % 5) { await Task.yield() }
                            doomed.cancel()
                            switch await doomed.result {
                            case .success(let reply): if reply == text { right += 1 } else { wrong += 1 }
                            case .failure(is CancellationError): cancelled += 1
                            case .failure: wrong += 1
                            }
                            if (try? await kept.value) != "k" + text { wrong += 1 }
                        }
                        return (right, cancelled, wrong)
                    }
                }
                return await group.reduce(into: (right: 0, cancelled: 0, wrong: 0)) {
                    $0 = ($0.right + $1.right, $0.cancelled + $1.cancelled, $0.wrong + $1.wrong)
                }
            }
            #expect(outcomes.wrong == 0)
            #expect(outcomes.right + outcomes.cancelled == 10_000)
            #expect(outcomes.cancelled > 100)
            #expect(await client.generation == 1)
            // The last abandoned replies may still be on their way; a reply behind them shows that all slots are gone.
            _ = try await client.call("PING")
            #expect(await client.pendingCount == 0)
        }
    }

    @Test("a call that waits for a connection is cancelled at once, and is never sent")
    func unwritten() async throws {
        try await withClient { client, server in
            server.kill()
            let call = Task { try await client.call("SET", "k", "v", timeout: .seconds(60)) }
            while await client.pendingCount == 0 { await Task.yield() }
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
            try await server.restart()
            #expect(try await client.call("EXISTS", "k").integer() == 0)
        }
    }

    @Test("a cancelled task does not get to send")
    func cancelledBefore() async throws {
        try await withClient { client, _ in
            let call = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await client.call("SET", "k", "v")
            }
            await #expect(throws: CancellationError.self) { try await call.value }
            let found = try await client.call("EXISTS", "k").integer()
            #expect(found == 0)
        }
    }

    @Test(
        "a client of blocking commands drops its connection when a call is cancelled, so that nothing is popped for nobody"
    )
    func blocking() async throws {
        var configuration = RedisClient.Configuration()
        configuration.dropConnectionOnCancel = true
        try await withClient { client, server in
            try await withClient(url: server.url, configuration: configuration) { blocking in
                try await blocking.connect()
                let pop = Task { try await blocking.callOnce("BLPOP", "list", "0", timeout: .seconds(60)) }
                try await until { try await client.call("INFO", "clients").string().contains("blocked_clients:1") }
                pop.cancel()
                await #expect(throws: CancellationError.self) { try await pop.value }
                try await until { try await client.call("INFO", "clients").string().contains("blocked_clients:0") }
                _ = try await client.call("RPUSH", "list", "item")
                #expect(try await client.call("LLEN", "list").integer() == 1)
                #expect(try await blocking.callOnce("LPOP", "list").string() == "item")
                #expect(await blocking.generation == 2)
            }
        }
    }

    @Test("cancelling a pipeline ends the wait for all of it")
    func pipeline() async throws {
        try await withClient { client, server in
            server.kill()
            let call = Task {
                try await client.pipeline(
                    (0..<100).map { RESPCommand("ECHO", "\($0)") }, timeout: .seconds(60), idempotent: true)
            }
            while await client.pendingCount < 100 { await Task.yield() }
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
            #expect(await client.liveCount == 0)
        }
    }
}

/// Waits for a condition, never for a time.
func until(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { try await Task.sleep(for: .milliseconds(1)) }
}
