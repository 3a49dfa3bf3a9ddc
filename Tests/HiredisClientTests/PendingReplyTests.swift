// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import RedisServerFixture
import Testing

@testable import HiredisClient

@Suite("Calls that are started before their replies are waited for", .timeLimit(.minutes(2)))
struct PendingReplyTests {
    private let push = RedisScript(name: "push", source: Array("return redis.call('RPUSH', KEYS[1], ARGV[1])".utf8))

    private func start(_ text: String, on client: RedisClient) -> PendingReply {
        client.start(RedisScriptCall(push, keys: ["k"]) { $0.append(text) }, idempotent: false)
    }

    @Test("they run in the order in which they were started, and each has its own reply, whichever is asked first")
    func order() async throws {
        try await withClient { client, _ in
            // The first call of a script may have to load it, and is then behind the others.
            _ = try await start("0", on: client).value()
            let replies = (1...500).map { start("\($0)", on: client) }
            for (index, reply) in replies.enumerated().reversed() {
                #expect(try await reply.value().integer() == Int64(index + 2))
            }
            let list = "return table.concat(redis.call('LRANGE', KEYS[1], 0, -1), ' ')"
            let pushed = try await client.call("EVAL", list, "1", "k").string()
            #expect(pushed == (0...500).map(String.init).joined(separator: " "))
            #expect(await client.pendingCount == 0)
        }
    }

    @Test("a reply that came before anybody waited is kept")
    func early() async throws {
        try await withClient { client, _ in
            let reply = start("a", on: client)
            // Answered after it: the connection is one.
            let count = try await client.call("LLEN", "k").integer()
            try await until { await client.pendingCount == 0 }
            #expect(count == 1)
            #expect(try await reply.value().integer() == 1)
        }
    }

    @Test("one that waits for a connection is cancelled at once, and is never sent")
    func cancelled() async throws {
        try await withClient { client, server in
            server.kill()
            let reply = start("a", on: client)
            try await until { await client.pendingCount > 0 }
            let waiting = Task { try await reply.value() }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            try await server.restart()
            #expect(try await client.call("LLEN", "k").integer() == 0)
        }
    }

    @Test("a client that is closed fails what was started, and what is started afterwards")
    func closed() async throws {
        try await withClient(url: "unix:///nowhere.sock") { client in
            let before = start("a", on: client)
            await client.close()
            let after = start("b", on: client)
            #expect(await redisError { try await before.value() }?.code == .closed)
            #expect(await redisError { try await after.value() }?.code == .closed)
        }
    }
}
