// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueue
import SpanQueueRedis
import Testing

@Suite("durability", .timeLimit(.minutes(2)))
struct DurabilityTests {
    @Test("an enqueue that waits for a replica succeeds with it, and says so where the replica does not answer")
    func replicas() async throws {
        let port = try freePort()
        try await Bench.with(["--port", "\(port)", "--repl-diskless-sync-delay", "0"]) { bench in
            let replica = try await RedisServer.start(["--replicaof", "127.0.0.1 \(port)"])
            defer { replica.stop() }
            var options = RedisEngineOptions()
            options.durability = .replicas(1)
            options.commandTimeout = .seconds(20)
            let patient = try JobQueue(engine: .redis(bench.server.url, options), logger: .quiet)
            // The first one waits until the replica has joined.
            _ = try await patient.enqueue(type: "kept", payload: [1], .id("a"))
            options.commandTimeout = .seconds(2)
            let hasty = try JobQueue(engine: .redis(bench.server.url, options), logger: .quiet)
            // Leaves a connection that has waited before, and must not be content with what it waited for then.
            _ = try await hasty.enqueue([EnqueueRequest(type: "kept", payload: [2], options: [.id("b")])])

            replica.signal(SIGSTOP)
            for _ in 0..<2 {
                // The second time Redis has the job already and nothing is written: that must not pass for a confirmation.
                let error = await #expect(throws: SpanQueueError.self) {
                    try await hasty.enqueue(type: "kept", payload: [3], .id("c"))
                }
                #expect(error?.code == .timeout)
                #expect(error?.mayHaveRun == true)
                #expect(error?.message.contains("0 of 1 replicas") == true)
            }
            replica.signal(SIGCONT)
            _ = try await patient.enqueue(type: "kept", payload: [3], .id("c"))
            #expect(try await bench.count(.ready) == 3)
            await patient.shutdown()
            await hasty.shutdown()
        }
    }

    @Test(
        "a durability is none, a number of replicas from 1 to 16, or the disk",
        arguments: ["", "wait", "wait:0", "wait:17", "all", "none:1", "aof:", "aof:0", "aof:17", "aof:x", "aof:1:1"])
    func text(bad: String) {
        #expect(throws: SpanQueueError.self) { try RedisDurability(bad) }
    }

    @Test(
        "a durability reads what it prints",
        arguments: [RedisDurability.primary, .replicas(1), .replicas(16), .disk(replicas: 0), .disk(replicas: 16)])
    func roundTrip(durability: RedisDurability) throws {
        #expect(try RedisDurability(durability.description) == durability)
    }
}
