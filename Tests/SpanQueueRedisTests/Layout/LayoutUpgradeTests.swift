// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import Logging
import ModelDriver
import RedisServerFixture
import SpanQueue
import SpanQueueLoop
import Synchronization
import Testing

@testable import SpanQueueRedis

@Suite("The upgrade from layout 1", .serialized)
struct LayoutUpgradeTests {
    /// When the dump was made.
    private static let madeAt = Timestamp(milliseconds: 1_795_798_230_770)

    /// A server that holds the dump, at the time of the dump.
    private func with(_ body: (RedisServer, RedisClient, ServerTime) async throws -> Void) async throws {
        let time = try ServerTime()
        time.now = Self.madeAt
        let server = try await RedisServer.start(environment: time.environment)
        defer { server.stop() }
        let loop = LoopThread(name: "probe")
        defer { loop.stop() }
        let client = RedisClient(
            url: try RedisURL(server.url), name: "probe", loop: loop, logger: Logger(label: "test"))
        try await CommandFile("dump.redis").load(into: client)
        _ = try await client.send(RESPCommand("PEXPIRE", "spanq:worker:w", "30000"), idempotent: true)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(server, client, time))
        } catch {
            result = .failure(error)
        }
        await client.close()
        try result.get()
    }

    private func engine(_ server: RedisServer) async throws -> RedisEngine {
        var options = RedisEngineOptions()
        options.commandTimeout = .seconds(30)
        return try await RedisEngine.started(server.url, options, scripts: .embedded, logger: Logger(label: "test"))
    }

    private func text(_ client: RedisClient, _ words: String...) async throws -> String? {
        var command = RESPCommand(words[0])
        for word in words.dropFirst() { command.append(word) }
        return try await client.send(command, idempotent: true).optionalBytes().map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// The value of each key of a queue.
    private func dump(_ client: RedisClient) async throws -> [String: [UInt8]] {
        let keys = try RedisEngine.names(try await client.send(RESPCommand("KEYS", "spanq:{[a-z]*"), idempotent: true))
        var values: [String: [UInt8]] = [:]
        for key in keys {
            values[key] = try await client.send(RESPCommand("DUMP", key), idempotent: true).optionalBytes()
        }
        return values
    }

    @Test("a start copies the list of queues and moves no job: each key of a queue is as it was")
    func untouched() async throws {
        try await with { server, client, _ in
            let before = try await dump(client)
            let engine = try await engine(server)
            #expect(try await dump(client) == before && before.count > 15)
            #expect(try await text(client, "GET", "spanq:layout") == "2")
            #expect(
                try RedisEngine.names(
                    try await client.send(RESPCommand("SMEMBERS", "spanq:{@}:queues"), idempotent: true)
                ).sorted() == ["empty", "other", "q"])
            #expect(try await engine.queues() == ["empty", "other", "q"])
            #expect(try await engine.workers().map(\.id) == ["w"])
            await engine.shutdown()
        }
    }

    @Test("every job is there in its state, can be read, and the audit finds nothing")
    func whole() async throws {
        try await with { server, client, _ in
            let engine = try await engine(server)
            let counts = try #require(try await engine.counts(of: ["q"]).first)
            #expect(counts.isPaused)
            #expect(
                counts.jobs == [
                    .scheduled: 3, .held: 0, .ready: 11, .active: 2, .retrying: 2, .completed: 3, .dead: 4,
                    .cancelled: 1,
                ])
            for state in JobState.known {
                let page = try await engine.list(ListRequest(queue: "q", state: state))
                #expect(page.jobs.count == counts[state] && page.jobs.allSatisfy { $0.message.type != "unreadable" })
            }
            let other = try #require(try await engine.job("a", in: "other"))
            #expect(
                other.message.tags == ["a", "b"]
                    && other.message.backoff == .linear(step: .seconds(1), cap: .seconds(9)))
            #expect(try await engine.job("buried", in: nil)?.run.endReason == "")
            let audit = try await RedisAudit(server.url)
            #expect(try await audit.run().violations == [])
            await audit.shutdown()
            await engine.shutdown()
        }
    }

    @Test("jobs run in the order that they had, locks hold, and all comes to its end")
    func goesOn() async throws {
        try await with { server, client, time in
            let engine = try await engine(server)
            let bench = AuditBench(server: server, engine: engine, audit: try await RedisAudit(server.url))
            func claim() async throws -> [ClaimedJob] { try await bench.claim(50, lease: .minutes(1)) }
            #expect(try await claim().isEmpty)
            try await bench.resume()
            let claimed = try await claim()
            #expect(
                claimed.map(\.reference.id.description) == [
                    "nine", "priority", "five", "redriven", "ready", "ready-2", "unique", "until-started", "for-a-time",
                    "lapsed", "successor",
                ])
            #expect(claimed[3].attempt == 1 && claimed[3].run?.history.count == 4)
            let duplicate = bench.job("again", unique: bench.lock(9, .untilFinished))
            #expect(try await bench.add(duplicate).map(\.owner) == ["unique"])
            for job in claimed { try await bench.settle(job, .complete) }
            // What was due, lapsed or kept ends by itself.
            time.now = Self.madeAt + .hours(3)
            for _ in 0..<3 {
                _ = try await engine.reclaim(ReclaimRequest(queue: "q"))
                for job in try await claim() { try await bench.settle(job, .complete) }
            }
            time.now = Self.madeAt + .hours(6)
            for _ in 0..<5 { try await bench.sweep() }
            let counts = try await bench.counts()
            #expect(JobState.known.filter { counts[$0] > 0 } == [.dead])
            #expect(try await bench.audit.run().violations == [])
            await bench.audit.shutdown()
            await engine.shutdown()
        }
    }

    @Test("programs of both kinds share a queue: each job is done once, whoever enqueued it and whoever gave it back")
    func rollingDeploy() async throws {
        try await AuditBench.with { bench in
            let old = try OldClient(bench.engine.client)
            for round in 0..<20 {
                try await old.enqueue([
                    bench.job("old-\(round)-a"), bench.job("old-\(round)-b", priority: 4),
                    bench.job("old-\(round)-c", unique: bench.lock(UInt8(round), .untilFinished)),
                ])
                _ = try await bench.engine.enqueue([
                    bench.job("new-\(round)-a"), bench.job("new-\(round)-b", priority: 9),
                    bench.job("new-\(round)-c", unique: bench.lock(UInt8(100 + round), .untilFinished)),
                ])
                // Each gives back what it claimed, and each then takes what the other gave back.
                #expect(try await old.settle(try await old.claim(4).jobs, "r") == 0)
                for job in try await bench.claim(4) { try await bench.settle(job, .release) }
                #expect(try await old.claim(0).isPaused == false)
                #expect(try await old.settle(try await old.claim(2).jobs, "c") == 0)
                for job in try await bench.claim(2) { try await bench.settle(job, .complete) }
                // A worker of either kind dies, and the other kind takes its jobs back.
                _ = try await old.claim(1, lease: 1)
                _ = try await bench.claim(1, lease: .milliseconds(1))
                try await Task.sleep(for: .milliseconds(5))
                if round % 2 == 0 {
                    try await old.reclaim()
                } else {
                    _ = try await bench.engine.reclaim(ReclaimRequest(queue: "q", maxReclaims: 100))
                }
                #expect(try await bench.audit.run(maxReclaims: 100).findings.isEmpty)
            }
            var isOver = false
            while !isOver {
                let olds = try await old.claim(3).jobs
                #expect(try await old.settle(olds, "c") == 0)
                let news = try await bench.claim(3)
                for job in news { try await bench.settle(job, .complete) }
                isOver = olds.isEmpty && news.isEmpty
            }
            let counts = try await bench.counts()
            #expect(counts[.completed] + counts[.dead] == 120 && counts.totals.enqueued == 120)
            #expect(try await bench.redis("HLEN", ":unique").integer() == 0)
            #expect(try await bench.audit.run(maxReclaims: 100).findings.isEmpty)
        }
    }

    @Test("an old worker stays out of a queue that uses features, and out of one that is paused")
    func oldWorkerStaysOut() async throws {
        try await AuditBench.with { bench in
            let old = try OldClient(bench.engine.client)
            try await bench.enqueue(bench.job("a"))
            try await bench.pause()
            #expect(try await old.claim(1).isPaused)
            try await bench.resume()
            // As the first use of a feature will do.
            try await bench.redis("HSET", ":meta", "uses", "1", "paused", "1")
            try await bench.pause()
            try await bench.resume()
            #expect(try await old.claim(1).isPaused)
            try await bench.redis("HDEL", ":meta", "uses", "paused")
            #expect(try await old.claim(1).jobs.map(\.id) == ["a"])
        }
    }

    @Test("queues that old programs list are found, and the upgrade is finished once their workers are gone")
    func finish() async throws {
        try await AuditBench.with { bench in
            let old = try OldClient(bench.engine.client)
            let layout = try await RedisLayout(bench.server.url, RedisEngineOptions(), logger: Logger(label: "test"))
            #expect(try await layout.state().isFinished)
            try await bench.redis("SADD", "spanq:queues", "late")
            try await old.announce("old-1")
            try await bench.enqueue(bench.job("a"))
            #expect(try await bench.engine.queues() == ["late", "q"])
            #expect(try await bench.engine.workers().map(\.id) == ["old-1"])
            #expect(try await bench.audit.run().findings.isEmpty)
            let state = try await layout.state()
            #expect(
                !state.isFinished && state.version == 2 && state.queues == 2 && state.oldWorkers.map(\.id) == ["old-1"])
            do {
                try await layout.finish()
                Issue.record("it was finished under a live worker")
            } catch let error as SpanQueueError {
                #expect(error.code == .invalidState && error.message.contains("old-1"))
            }
            try await bench.redis("DEL", "spanq:worker:old-1")
            try await layout.finish()
            #expect(try await layout.state().isFinished)
            #expect(try await bench.redis("EXISTS", "spanq:queues", "spanq:workers").integer() == 0)
            #expect(try await bench.engine.queues() == ["late", "q"])
            await layout.shutdown()
        }
    }

    @Test("a sweep lists what old programs have listed since the start, and costs one call where they list nothing")
    func sweepCopies() async throws {
        try await with { server, client, _ in
            let engine = try await engine(server)
            _ = try await client.send(RESPCommand("SADD", "spanq:queues", "late"), idempotent: true)
            func isListed() async throws -> Bool {
                try await client.send(RESPCommand("SISMEMBER", "spanq:{@}:queues", "late"), idempotent: true).integer()
                    == 1
            }
            // Not at each sweep.
            _ = try await engine.sweep("q", within: .zero)
            #expect(try await !isListed())
            engine.nextCopy.withLock { $0 = .now }
            _ = try await engine.sweep("q", within: .zero)
            #expect(try await isListed())
            // Once the old registry is gone, no sweep asks for it.
            _ = try await client.send(RESPCommand("DEL", "spanq:queues"), idempotent: true)
            engine.nextCopy.withLock { $0 = .now }
            _ = try await engine.sweep("q", within: .zero)
            #expect(engine.nextCopy.withLock { $0 } == nil)
            await engine.shutdown()
        }
    }

    @Test("a newer layout is refused, and nothing is written")
    func newer() async throws {
        try await AuditBench.with { bench in
            try await bench.redis("SET", "spanq:layout", "3")
            let digest = try await bench.redis("DEBUG", "DIGEST").string()
            let error = await #expect(throws: SpanQueueError.self) { _ = try await engine(bench.server) }
            #expect(error?.code == .unsupported)
            #expect(try await bench.redis("DEBUG", "DIGEST").string() == digest)
        }
    }

    @Test("a full Redis of layout 1 can still be looked at, and is upgraded once there is room")
    func full() async throws {
        try await with { server, client, _ in
            _ = try await client.send(RESPCommand("CONFIG", "SET", "maxmemory", "1"), idempotent: true)
            let engine = try await engine(server)
            #expect(try await engine.queues() == ["empty", "other", "q"])
            #expect(try await text(client, "GET", "spanq:layout") == "1")
            _ = try await client.send(RESPCommand("CONFIG", "SET", "maxmemory", "0"), idempotent: true)
            await engine.shutdown()
            await (try self.engine(server)).shutdown()
            #expect(try await text(client, "GET", "spanq:layout") == "2")
        }
    }
}
