// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueue
import SpanQueueRedis
import Testing

@Suite("durability on disk", .timeLimit(.minutes(2)))
struct DiskDurabilityTests {
    private static let always = ["--appendonly", "yes", "--appendfsync", "always"]

    @Test("a server without WAITAOF, or without an AOF, is refused")
    func withoutAppendOnlyFile() async throws {
        let message = try await refusal(of: [])
        #expect(message.contains("needs WAITAOF") && message.contains("appendonly yes"), "\(message)")
    }

    @Test("Valkey without an AOF is refused", .enabled(if: RedisServer.valkey != nil))
    func valkeyWithoutAppendOnlyFile() async throws {
        let message = try await refusal(of: [], program: RedisServer.valkey)
        #expect(message.contains("appendonly is disabled"), "\(message)")
    }

    @Test(
        "Valkey that answers before the fsync is refused", .enabled(if: RedisServer.valkey != nil),
        arguments: ["everysec", "no"])
    func early(policy: String) async throws {
        let message = try await refusal(
            of: ["--appendonly", "yes", "--appendfsync", policy], program: RedisServer.valkey)
        #expect(message.contains("before the fsync") && message.contains("it is \(policy)"), "\(message)")
    }

    @Test(
        "an enqueue succeeds when the disk has it, and says so when it has not",
        .enabled(if: RedisServer.valkey != nil))
    func disk() async throws {
        try await Bench.with(Self.always, program: RedisServer.valkey) { bench in
            let queue = try await open(bench, .disk(replicas: 0), timeout: .seconds(2))
            _ = try await queue.enqueue(type: "kept", payload: [1], .id("a"))
            _ = try await queue.enqueue([EnqueueRequest(type: "kept", payload: [2], options: [.id("b")])])
            // From now on nothing is synced: what the connection had confirmed before must not pass for this.
            try bench.cli("CONFIG", "SET", "appendfsync", "no")
            for _ in 0..<2 {
                let error = await #expect(throws: SpanQueueError.self) {
                    try await queue.enqueue(type: "kept", payload: [3], .id("c"))
                }
                #expect(error?.code == .timeout)
                #expect(error?.mayHaveRun == true)
                #expect(error?.message.contains("its own disk has not confirmed") == true)
            }
            try bench.cli("CONFIG", "SET", "appendonly", "no")
            let error = await #expect(throws: SpanQueueError.self) {
                try await queue.enqueue(type: "kept", payload: [3], .id("c"))
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("appendonly is disabled") == true)
            #expect(try await bench.count(.ready) == 3)
            await queue.shutdown()
        }
    }

    @Test(
        "an enqueue succeeds when a replica's disk has it too, and says so when it has not",
        .enabled(if: RedisServer.valkey != nil))
    func replicas() async throws {
        let port = try freePort()
        let arguments = Self.always + ["--port", "\(port)", "--repl-diskless-sync-delay", "0"]
        try await Bench.with(arguments, program: RedisServer.valkey) { bench in
            let replica = try await RedisServer.start(
                Self.always + ["--replicaof", "127.0.0.1 \(port)"], program: RedisServer.valkey)
            defer { replica.stop() }
            // The first one waits until the replica has joined.
            let patient = try await open(bench, .disk(replicas: 1), timeout: .seconds(20))
            _ = try await patient.enqueue(type: "kept", payload: [1], .id("a"))
            replica.signal(SIGSTOP)
            let hasty = try await open(bench, .disk(replicas: 1), timeout: .seconds(2))
            let error = await #expect(throws: SpanQueueError.self) {
                try await hasty.enqueue(type: "kept", payload: [2], .id("b"))
            }
            #expect(error?.code == .timeout)
            #expect(error?.message.contains("the disks of 0 of 1 replicas") == true)
            replica.signal(SIGCONT)
            _ = try await patient.enqueue(type: "kept", payload: [2], .id("b"))
            #expect(try await bench.count(.ready) == 2)
            await patient.shutdown()
            await hasty.shutdown()
        }
    }

    private func open(_ bench: Bench, _ durability: RedisDurability, timeout: Duration) async throws -> JobQueue {
        var options = RedisEngineOptions()
        options.durability = durability
        options.commandTimeout = timeout
        let queue = try JobQueue(engine: .redis(bench.server.url, options), logger: .quiet)
        try await queue.connect()
        return queue
    }

    /// What is said at the start of a queue on such a server.
    private func refusal(of arguments: [String], program: String? = nil) async throws -> String {
        let server = try await RedisServer.start(arguments, program: program)
        defer { server.stop() }
        var options = RedisEngineOptions()
        options.durability = .disk(replicas: 0)
        let error = await #expect(throws: SpanQueueError.self) {
            try await JobQueue(engine: .redis(server.url, options), logger: .quiet).connect()
        }
        #expect(error?.code == .unsupported)
        return error?.message ?? ""
    }
}
