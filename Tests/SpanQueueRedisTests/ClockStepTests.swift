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
        other.node.pretendWatched(for: .seconds(60))
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

    // MARK: One that starts

    private static let request = ClaimRequest(queue: "q", limit: 1, lease: .seconds(30), worker: "alive")

    private func announce(_ engine: RedisEngine) async throws {
        let worker = WorkerInfo(
            id: "alive", host: "h", pid: 1, queues: ["q"], concurrency: 1, busy: 1,
            startedAt: Timestamp(milliseconds: 0), version: "1")
        try await engine.announce(worker, lifetime: .seconds(30))
    }

    /// One that has just connected, to a server that is not new to the world.
    private func newcomer(_ url: String) async throws -> RedisEngine {
        let engine = try await engine(url)
        engine.node.forget()
        return engine
    }

    /// What the live worker last said of the clock.
    enum Vouched: CaseIterable {
        case never, beforeTheStep, afterTheStep
    }

    @Test(
        "its jobs stay its own when a process starts after the step, whatever was said of the clock",
        arguments: [16, 60, 3_600].map { Duration.seconds($0) }, Vouched.allCases)
    func startsLate(after step: Duration, vouched: Vouched) async throws {
        let time = try ServerTime()
        time.goOn(ahead: .zero)
        let server = try await RedisServer.start(environment: time.environment)
        defer { server.stop() }
        let alive = try await engine(server.url)
        alive.node.pretendWatched(for: .seconds(60))
        _ = try await alive.enqueue([job("long")])
        var request = Self.request
        // So that each of the steps lapses it.
        request.lease = .seconds(15)
        let held = try #require(try await alive.claim(request).jobs.first)
        if vouched == .beforeTheStep { try await announce(alive) }
        time.goOn(ahead: step)
        if vouched == .afterTheStep { try await announce(alive) }
        let late = try await newcomer(server.url)
        for _ in 0..<3 {
            let taken = try await late.reclaim(ReclaimRequest(queue: "q", grace: .seconds(30)))
            #expect(taken.isEmpty, "taken back: \(taken.map(\.reference))")
            request.worker = "late"
            _ = try await late.claim([request])
        }
        #expect(try await alive.extend([held.reference], in: "q", by: .seconds(30)).lost.isEmpty)
        #expect(try await alive.settleAll([settlement(of: held)]) == [.settled])
        for engine in [alive, late] { await engine.shutdown() }
    }

    /// A job whose worker is gone, and whose lease has lapsed.
    private func orphan(_ engine: RedisEngine) async throws {
        _ = try await engine.enqueue([job("orphan")])
        var request = Self.request
        request.lease = .milliseconds(1)
        _ = try #require(try await engine.claim(request).jobs.first)
        try await Task.sleep(for: .milliseconds(5))
    }

    @Test("a process that starts takes jobs back at once where a worker vouches for the clock, also beside a young one")
    func vouched() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        let (alive, other) = (try await engine(server.url), try await engine(server.url))
        for (engine, watched) in [(alive, 3_600), (other, 31)] {
            // A second more, so that the call may take its time on a busy machine.
            engine.node.pretendWatched(for: .seconds(watched), try await engine.now() + .seconds(1))
            try await announce(engine)
        }
        // It has not seen what those two saw, and says nothing.
        try await Task.sleep(for: .milliseconds(20))
        let young = try await newcomer(server.url)
        _ = try await young.now()
        try await announce(young)
        try await orphan(alive)
        let new = try await newcomer(server.url)
        // Only the older one has watched it for that long.
        #expect(try await new.reclaim(ReclaimRequest(queue: "q", grace: .seconds(4_000))).isEmpty)
        #expect(try await new.reclaim(ReclaimRequest(queue: "q", grace: .seconds(3_000))).count == 1)
        for engine in [alive, other, young, new] { await engine.shutdown() }
    }

    @Test("one to which nobody vouches for the clock takes nothing back for a lease, and then does")
    func alone() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        let first = try await newcomer(server.url)
        try await announce(first)
        try await orphan(first)
        let new = try await newcomer(server.url)
        let start = ContinuousClock.now
        var taken = 0
        var looks = 0
        while taken == 0 {
            taken = try await new.reclaim(ReclaimRequest(queue: "q", grace: .seconds(1))).count
            looks += 1
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(ContinuousClock.now - start >= .seconds(1))
        #expect(looks > 1)
        for engine in [first, new] { await engine.shutdown() }
    }

    @Test("runOnce waits for the jobs that it may not take back yet")
    func once() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        let dead = try await engine(server.url)
        try await orphan(dead)
        let queue = try JobQueue(engine: .redis(server.url))
        let worker = try Worker(queue, WorkerConfiguration(queues: ["q": 1], lease: .milliseconds(500)))
        try worker.handle("t") { _, _ in }
        let summary = try await worker.runUntilEmpty()
        #expect(summary.reclaimed == 1)
        #expect(summary[.completed] == 1)
        await queue.shutdown()
        await dead.shutdown()
    }

    // MARK: -

    @Test("a process that has not heard the time asks for it before it takes anything back: its call has a limit")
    func limit() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        let fresh = try await engine(server.url)
        fresh.node.pretendWatched(for: .seconds(60))
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
