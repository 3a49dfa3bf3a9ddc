// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@testable import SpanQueueRedis

/// Exact where nothing depends on timing. Where a count has fallen, lower it here.
@Suite("What claiming and settling cost Redis", .serialized)
struct WorkCostTests {
    @Test("a claim of 128 jobs is one command, and its script calls 17 for all of them together", arguments: [1, 128])
    func claim(jobs: Int) async throws {
        try await CostBench.with { bench in
            try await bench.enqueue(jobs)
            var claimed: [ClaimedJob] = []
            let counts = try await bench.commands { claimed = try await bench.claim(jobs) }
            #expect(claimed.count == jobs)
            #expect(
                counts == [
                    "evalsha": 1, "time": 1, "hmget": 3, "zrange": 5, "zpopmin": 1, "lpop": 1, "zadd": 1, "hset": 2,
                    "llen": 1, "zcard": 1, "del": 1,
                ])
        }
    }

    @Test("a settlement of 128 jobs is one command, and its script calls 8", arguments: [1, 128])
    func settle(jobs: Int) async throws {
        try await CostBench.with { bench in
            try await bench.enqueue(jobs)
            let claimed = try await bench.claim(jobs)
            let counts = try await bench.commands {
                let outcomes = try await bench.queue.engine.settleAll(
                    claimed.map { bench.settlement(of: $0, .complete) })
                #expect(outcomes.allSatisfy { $0 == .settled })
            }
            #expect(
                counts == [
                    "evalsha": 1, "time": 1, "hmget": 1, "zrem": 1, "hdel": 2, "hset": 1, "rpush": 1, "hincrby": 1,
                ])
        }
    }

    @Test(
        "while somebody watches, a claim costs one PUBLISH, and what follows at once one together, whatever their size",
        arguments: [1, 128])
    func watched(jobs: Int) async throws {
        try await CostBench.with { bench in
            try await bench.enqueue(jobs)
            try await bench.watch()
            let counts = try await bench.commands {
                let claimed = try await bench.claim(jobs)
                _ = try await bench.queue.engine.settleAll(claimed.map { bench.settlement(of: $0, .complete) })
                let any = try await bench.queue.engine
                let engine = try #require(any as? RedisEngine)
                await engine.publishRest()
                // What was published on this connection has been run before this.
                _ = try await engine.now()
            }
            #expect(
                counts == [
                    "evalsha": 2, "time": 3, "hmget": 4, "zrange": 5, "zpopmin": 1, "lpop": 1, "zadd": 1, "hset": 3,
                    "llen": 1, "zcard": 1, "del": 1, "zrem": 1, "hdel": 2, "rpush": 1, "hincrby": 1, "publish": 2,
                ])
        }
    }

    @Test("a settlement of 128 retries is one command, and its script calls a constant number")
    func retries() async throws {
        try await CostBench.with { bench in
            try await bench.enqueue(128)
            let claimed = try await bench.claim(128)
            let counts = try await bench.commands {
                _ = try await bench.queue.engine.settleAll(
                    claimed.map { bench.settlement(of: $0, .retry(after: .hours(1))) })
            }
            #expect(
                counts == [
                    "evalsha": 1, "time": 1, "hmget": 1, "hlen": 1, "zrem": 1, "hdel": 2, "hset": 1, "zadd": 1,
                    "zrange": 1, "llen": 1, "rpush": 1,
                ])
        }
    }

    @Test("128 jobs that are released are one command, whatever their priority", arguments: [0, 5])
    func releases(priority: Int) async throws {
        try await CostBench.with { bench in
            try await bench.enqueue(128, priority: priority)
            let claimed = try await bench.claim(128)
            let counts = try await bench.commands {
                _ = try await bench.queue.engine.settle(claimed.map { bench.settlement(of: $0, .release) })
            }
            #expect(
                counts == [
                    "evalsha": 1, "time": 1, "hmget": 1, "hlen": 1, "zrem": 1, "hdel": 2, "hset": 1, "hincrby": 1,
                    "zadd": 1, "llen": 1, "rpush": 1,
                ])
        }
    }

    /// How often a worker claims and settles depends on when its handlers end, so this is a bound.
    @Test("a worker of 100 slots works 1,000 jobs off with at most one command for five jobs")
    func drain() async throws {
        try await CostBench.with { bench in
            try await bench.enqueue(1000)
            let worker = try Worker(bench.queue, WorkerConfiguration(concurrency: 100))
            try worker.handle(Idle.self) { _, _ in }
            var summary: [AttemptOutcome: Int] = [:]
            let counts = try await bench.commands { summary = try await worker.runOnce() }
            #expect(summary[.completed] == 1000)
            let commands = try #require(counts["evalsha"])
            #expect(commands <= 200, "\(commands) commands for 1,000 jobs")
            #expect(commands >= 2 * 1000 / 128, "\(commands) commands can't have done it")
        }
    }
}

extension CostBench {
    func enqueue(_ jobs: Int, priority: Int = 0) async throws {
        let requests = (0..<jobs).map { _ in EnqueueRequest(Idle(), .priority(priority)) }
        for result in try await queue.enqueue(requests) { _ = try result.get() }
    }

    func claim(_ limit: Int) async throws -> [ClaimedJob] {
        let request = ClaimRequest(queue: "default", limit: limit, lease: .seconds(30), worker: "worker-1")
        return try await queue.engine.claimAll([request]).flatMap(\.jobs)
    }

    /// The end of an attempt as a worker writes it.
    func settlement(of claimed: ClaimedJob, _ verdict: Verdict) -> Settlement {
        Settlement(claimed, verdict)
    }
}
