// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import Logging
import ModelDriver
import RedisServerFixture
import SpanQueue
import SpanQueueTelemetry
import Synchronization
import Testing

@testable import SpanQueueRedis

@Suite("Redis' clock steps under a worker that is alive", .serialized, .timeLimit(.minutes(2)))
struct ClockStepTests {
    /// What a process hears first of the stepped clock.
    enum First: String, CaseIterable, Sendable {
        case nothing, claim, enqueue, enqueueMany, settle, now
    }

    private static let steps = [3, 20, 60, 3_600, -60].map { Duration.seconds($0) }

    private func job(_ id: String) -> NewJob {
        NewJob(
            message: JobMessage(
                id: JobID(unchecked: id), queue: "q", type: "t", payload: [1], priority: 0, maxRetries: 0, backoff: nil,
                timeout: nil, deadline: nil, unique: nil, retention: .standard, tags: [], trace: .root(), runAt: nil,
                enqueuedAt: Timestamp(milliseconds: 0), contentDigest: nil))
    }

    private func engine(_ url: String) async throws -> RedisEngine {
        let engine = RedisEngine(
            url: try RedisURL(url), options: RedisEngineOptions(),
            environment: EngineEnvironment(logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })))
        try await engine.start()
        return engine
    }

    /// A lease is 30 seconds here and 10 of them are gone; another process looks for lapsed ones right after the step.
    @Test("its jobs stay its own, whatever another process hears first of the step", arguments: steps, First.allCases)
    func step(by step: Duration, first: First) async throws {
        let time = try ServerTime()
        time.goOn(ahead: .zero)
        let server = try await RedisServer.start(environment: time.environment)
        defer { server.stop() }
        let (alive, other) = (try await engine(server.url), try await engine(server.url))
        // A server that has just started is a gap by itself, which is not what is looked at here.
        other.node.forgetGap()
        let request = ClaimRequest(queue: "q", limit: 1, lease: .seconds(30), worker: "alive")
        _ = try await alive.enqueue([job("long"), job("short")])
        let held = try #require(try await alive.claim(request).jobs.first)
        var mine = request
        mine.worker = "other"
        let own = try #require(try await other.claim(mine).jobs.first)
        _ = try await other.extend([own.reference], in: "q", by: .hours(9))

        time.goOn(ahead: step)
        let soon = ContinuousClock.now + .seconds(5)
        switch first {
        case .nothing: break
        case .claim: _ = try await other.claim([mine])
        case .enqueue: _ = try await other.enqueue(job("new"), until: soon)
        case .enqueueMany: _ = try await other.enqueue([job("new")], until: soon)
        case .settle: _ = try await other.settle([settlement(of: own)])
        case .now: _ = try await other.now()
        }
        for _ in 0..<3 {
            let taken = try await other.reclaim(ReclaimRequest(queue: "q", grace: .seconds(30)))
            #expect(taken.isEmpty, "taken back: \(taken.map(\.reference))")
            _ = try await other.claim([mine])
        }
        #expect(try await alive.extend([held.reference], in: "q", by: .seconds(30)).lost.isEmpty)
        #expect(try await alive.settleAll([settlement(of: held)]) == [.settled])
        for engine in [alive, other] { await engine.shutdown() }
    }

    @Test("a process that has not heard the time asks for it before it takes anything back: its call has a limit")
    func limit() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        let fresh = try await engine(server.url)
        fresh.node.forgetGap()
        _ = try await fresh.send(RESPCommand("CONFIG", "SET", "slowlog-log-slower-than", "0"))
        _ = try await fresh.reclaim(ReclaimRequest(queue: "q", grace: .seconds(30)))
        var log = RESPCursor(try await fresh.send(RESPCommand("SLOWLOG", "GET", "100")))
        var limits: [String] = []
        for _ in 0..<(try log.nextArrayCount()) {
            let members = try log.nextArrayCount()
            for _ in 0..<3 { log.skip() }
            var words: [String] = []
            for _ in 0..<(try log.nextArrayCount()) { words.append(try log.nextString()) }
            for _ in 4..<members { log.skip() }
            if words.first?.hasPrefix("EVAL") == true { limits.append(words.last ?? "") }
        }
        #expect(limits.count == 1 && limits.first.flatMap { Int64($0) } ?? 0 > 0, "\(limits)")
        await fresh.shutdown()
    }

    private func settlement(of claimed: ClaimedJob) -> Settlement {
        Settlement(claimed, .complete)
    }
}
