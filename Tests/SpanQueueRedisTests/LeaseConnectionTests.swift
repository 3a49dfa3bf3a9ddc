// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueLoop
import SpanQueueTelemetry
import Synchronization
import Testing

@testable import SpanQueueRedis

@Suite("Heartbeats and claims beside bulk data", .timeLimit(.minutes(2)))
struct LeaseConnectionTests {
    private func withEngine(_ body: (RedisEngine, RedisServer) async throws -> Void) async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        var options = RedisEngineOptions()
        options.commandTimeout = .seconds(60)
        let engine = try await RedisEngine.started(
            server.url, options, scripts: .embedded, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        do {
            try await body(engine, server)
            await engine.shutdown()
        } catch {
            await engine.shutdown()
            throw error
        }
    }

    private final class Counter: Sendable {
        private let count = Mutex(0)
        var isZero: Bool { count.withLock { $0 == 0 } }
        func increment() { count.withLock { $0 += 1 } }
    }

    private func jobs(_ count: Int, bytes: Int) -> [NewJob] {
        (0..<count).map { _ in
            NewJob(
                message: JobMessage(
                    id: .random(), queue: "q", type: "t", payload: [UInt8](repeating: 7, count: bytes), priority: 0,
                    maxRetries: 0, backoff: nil, timeout: nil, deadline: nil, unique: nil, retention: .standard,
                    tags: [], trace: .root(), runAt: nil, enqueuedAt: Timestamp(milliseconds: 0), contentDigest: nil))
        }
    }

    private func claim(_ engine: RedisEngine, _ limit: Int) async throws -> ClaimReply {
        let request = ClaimRequest(queue: "q", limit: limit, lease: .seconds(600), worker: "w")
        return try #require(try await engine.claim([request]).first).get()
    }

    @Test("leases are extended and attempts settled while enqueues fill all that may wait for Redis")
    func ownConnection() async throws {
        try await withEngine { engine, server in
            _ = try await engine.enqueue(jobs(50, bytes: 1), until: .now + .seconds(60))
            let claimed = try await claim(engine, 50).jobs
            try #require(claimed.count == 50)
            // Connects.
            _ = try await engine.extend([LeaseBatch(queue: "q", claims: claimed.map(\.reference), lease: .seconds(600))]
            )

            server.signal(SIGSTOP)
            try await withThrowingTaskGroup(of: Void.self) { group in
                // Large ones first, then what still fits beside them, until a heartbeat would not.
                for bytes in [1 << 20, 100_000, 10_000, 1000, 10] {
                    let refused = Counter()
                    while refused.isZero {
                        group.addTask {
                            do {
                                _ = try await engine.enqueue(jobs(2, bytes: bytes), until: .now + .seconds(60))
                            } catch let error as SpanQueueError where error.code == .overloaded {
                                refused.increment()
                            }
                        }
                        try await Task.sleep(for: .milliseconds(2))
                    }
                }
                async let extended = engine.extend([
                    LeaseBatch(queue: "q", claims: claimed.map(\.reference), lease: .seconds(600))
                ])
                async let settled = engine.settle(
                    claimed.map {
                        Settlement($0, .release)
                    })
                // Both are on their way, or refused, before Redis goes on.
                try await Task.sleep(for: .milliseconds(100))
                server.signal(SIGCONT)
                let outcomes = try await extended + []
                for outcome in outcomes { _ = try outcome.get() }
                for outcome in try await settled { #expect(try outcome.get() == .settled) }
                try await group.waitForAll()
            }
            #expect(await engine.client.generation == 1)
        }
    }

    /// On the loop's thread, as a worker is.
    private actor OnLoop {
        let engine: RedisEngine
        nonisolated var unownedExecutor: UnownedSerialExecutor { engine.loop.asUnownedSerialExecutor() }

        init(_ engine: RedisEngine) { self.engine = engine }

        /// Settles a job behind another command, which was written before or is written with it.
        func settle(_ job: ClaimedJob, behind command: RESPCommand? = nil, isWritten: Bool = false) async throws {
            let before = command.map { engine.client.start($0, timeout: .seconds(60), idempotent: true) }
            if isWritten { try await engine.loop.sleep(for: .milliseconds(1)) }
            #expect(try await engine.settle([Settlement(job, .complete)]).first?.get() == .settled)
            _ = try await before?.value()
        }
    }

    @Test("a settlement leaves with the next claim, unless something is under way there, or much is to leave before it")
    func besideClaims() async throws {
        for (command, isWritten, isApart) in [
            (nil, false, false), (RESPCommand("PING"), false, false), (RESPCommand("BLPOP", "none", "0.5"), true, true),
            (RESPCommand("SET", "k", String(repeating: "x", count: 100_000)), false, true),
        ] {
            try await withEngine { engine, _ in
                _ = try await engine.enqueue(jobs(1, bytes: 1), until: .now + .seconds(60))
                let claimed = try await claim(engine, 1).jobs
                try await OnLoop(engine).settle(try #require(claimed.first), behind: command, isWritten: isWritten)
                let clients = try await engine.client.send(RESPCommand("CLIENT", "LIST"), idempotent: true).string()
                #expect(clients.contains(" name=spanq-lease ") == isApart, "\(command?.name ?? "nothing")")
            }
        }
    }

    @Test("a claim brings large jobs in parts, and all of them")
    func bytesOfAClaim() async throws {
        try await withEngine { engine, _ in
            for _ in 0..<8 { _ = try await engine.enqueue(jobs(8, bytes: 1 << 20), until: .now + .seconds(60)) }
            var sizes = [try await claim(engine, 1).jobs.count]
            while sizes.last != 0 { sizes.append(try await claim(engine, 100).jobs.count) }
            #expect(sizes.reduce(0, +) == 64)
            #expect(sizes.allSatisfy { $0 <= 16 }, "\(sizes)")
            // Small ones come as before.
            _ = try await engine.enqueue(jobs(1, bytes: 1), until: .now + .seconds(60))
            #expect(try await claim(engine, 100).jobs.count == 1)
            _ = try await engine.enqueue(jobs(100, bytes: 1), until: .now + .seconds(60))
            #expect(try await claim(engine, 100).jobs.count == 100)
        }
    }
}
