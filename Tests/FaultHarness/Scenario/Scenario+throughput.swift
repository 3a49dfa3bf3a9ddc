// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import RedisServerFixture
import SpanQueue
import SpanQueueRedis
import Synchronization

extension Scenario {
    /// Batches of a million small jobs through one worker; only what retention keeps may be left.
    static let throughput = Scenario("throughput", "1,000,000 jobs through, then drained") { size in
        let jobs = size == .full ? 1_000_000 : 20_000
        return try await RedisStage.with { stage in
            let queue = try JobQueue(engine: .redis(stage.server.url, sparing), logger: .silent)
            let runs = RunCounts(jobs)
            let worker = try Worker(queue, WorkerConfiguration(concurrency: 200))
            try worker.handle("fault:number") { payload, _ in runs.note(payload) }
            // What a queue that has seen work takes, before the many: twice what is kept.
            try await fill(queue, 0..<(jobs / 50))
            let running = Task { try await worker.run() }
            try await stage.drain(within: .seconds(60))
            try await sweep(queue)
            let before = try await Footprint(stage)
            let began = ContinuousClock.now
            try await fill(queue, (jobs / 50)..<jobs)
            try await stage.drain(within: .seconds(900))
            let took = ContinuousClock.now - began
            worker.drain()
            try await running.value
            try await sweep(queue)
            let after = try await Footprint(stage)
            let totals = try await queue.counts(of: ["default"])[0].totals
            await queue.shutdown()
            return [
                .exactly("completed", totals.completed, jobs), .exactly("run other than once", runs.notOnce, 0),
                .exactly("records kept", totals.enqueued - totals.removed, sparing.retentionCount),
                .atMost("keys", after.keys, before.keys),
                .atMost("of Redis' memory, KiB", after.kibibytes, before.kibibytes * 5 / 4 + 1024),
                .none("damage", try await Keyspace.damage(of: "default", stage.redis)),
                Figure("\(Int(Double(jobs) / (took / .seconds(1)))) jobs a second with the enqueues"),
            ]
        }
    }

    private static var sparing: RedisEngineOptions {
        var options = RedisEngineOptions()
        options.retentionCount = 100
        return options
    }

    private static func fill(_ queue: JobQueue, _ numbers: Range<Int>) async throws {
        for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 1000) {
            let results = try await queue.enqueue(
                (start..<min(start + 1000, numbers.upperBound)).map {
                    EnqueueRequest(type: "fault:number", payload: [UInt8]("\($0)".utf8))
                })
            for result in results { _ = try result.get() }
        }
    }

    private static func sweep(_ queue: JobQueue) async throws {
        while try await queue.engine.sweep("default") > 0 {}
    }

    private struct Footprint {
        let keys: Int
        let kibibytes: Int

        init(_ stage: RedisStage) async throws {
            try await stage.redis.call("MEMORY", "PURGE")
            keys = Int(try await stage.redis.call("DBSIZE").integer())
            kibibytes = (Int(try await stage.redis.info("used_memory")) ?? 0) / 1024
        }
    }

    /// How often each numbered job ran.
    private final class RunCounts: Sendable {
        private let counts: Mutex<[UInt8]>

        init(_ jobs: Int) { counts = Mutex([UInt8](repeating: 0, count: jobs)) }

        func note(_ payload: [UInt8]) {
            guard let number = Int(String(decoding: payload, as: UTF8.self)) else { return }
            counts.withLock { $0[number] &+= 1 }
        }

        var notOnce: Int { counts.withLock { $0.count { $0 != 1 } } }
    }
}
