// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import RedisServerFixture
import Testing

@testable import HiredisClient

@Suite("Scripts", .timeLimit(.minutes(2)))
struct ScriptTests {
    private let script = RedisScript(
        name: "append", source: Array("return redis.call('APPEND', KEYS[1], ARGV[1])".utf8))

    @Test("a script nobody announced runs from its source at first, then by its digest")
    func unannounced() async throws {
        try await withClient { client, _ in
            for length in 1...3 {
                let reply = try await client.run(script, keys: ["k"], idempotent: false) { $0.append("x") }
                #expect(try reply.integer() == Int64(length))
            }
            #expect(script.digest?.count == 40)
            #expect(try await client.call("INFO", "commandstats").string().contains("cmdstat_evalsha:calls="))
        }
    }

    @Test("an announced script is called by its digest from the start")
    func announced() async throws {
        var configuration = RedisClient.Configuration()
        configuration.scripts = [script]
        try await withClient(configuration: configuration) { client, _ in
            _ = try await client.run(script, keys: ["k"], idempotent: false) { $0.append("x") }
            let statistics = try await client.call("INFO", "commandstats").string()
            #expect(!statistics.contains("cmdstat_eval:"))
        }
    }

    @Test("scripts flushed in the middle of a pipeline run all the same, each once")
    func flushed() async throws {
        try await withClient { client, _ in
            _ = try await client.run(script, keys: ["warm"], idempotent: false) { $0.append("x") }
            for _ in 0..<20 {
                async let flush = client.call("SCRIPT", "FLUSH")
                let calls = (0..<50).map { index in RedisScriptCall(script, keys: ["k\(index)"]) { $0.append("x") } }
                async let before = client.pipeline(calls, idempotent: false)
                async let flushAgain = client.call("SCRIPT", "FLUSH")
                async let after = client.pipeline(calls, idempotent: false)
                for result in try await before + after { _ = try result.get() }
                _ = try await (flush, flushAgain)
            }
            for index in 0..<50 {
                #expect(try await client.call("STRLEN", "k\(index)").integer() == 40)
            }
        }
    }

    @Test("a script that does not compile fails with the server's words, and does not go round in circles")
    func broken() async throws {
        let broken = RedisScript(name: "broken", source: Array("return (".utf8))
        var configuration = RedisClient.Configuration()
        configuration.scripts = [broken]
        try await withClient(configuration: configuration) { client, _ in
            let error = await redisError { try await client.run(broken, keys: [], idempotent: true) }
            #expect(error?.message.contains("compiling") == true)
        }
    }
}
