// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueue

/// What happens in or to one queue must not reach the others.
extension Scenario {
    /// Redis refuses the worker everything in one of its queues while jobs of that run, and takes it again later.
    static let poisonedQueue = Scenario("poisoned-queue", "one poisoned queue among five: no rights to its keys") {
        size in
        let (jobs, lease) = size == .full ? (1_000, Duration.seconds(4)) : (50, .seconds(2))
        let port = try freePort()
        return try await RedisStage.with(["--port", "\(port)"]) { stage in
            try await stage.redis.call(
                "ACL", "SETUSER", "worker", "on", ">pw", "allkeys", "allchannels", "+@all")
            let others = (2...5).map { "q\($0)" }
            let worker = try stage.start(
                "spanq",
                [
                    "worker", "--redis", "redis://worker:pw@127.0.0.1:\(port)", "--queues", "q1,q2,q3,q4,q5",
                    "--lease", "\(Int(lease / .milliseconds(1)))ms", "--concurrency", "20", "--listen", "none",
                    "--exec", "slow=/bin/sleep 2", "--exec", "long=/bin/sleep \(3 * Int(lease / .seconds(1)))",
                    "--exec", "quick=/bin/true",
                ])
            let poisoned = 4
            for _ in 0..<poisoned { try await stage.queue.enqueue(type: "slow", payload: [], .queue("q1")) }
            // In the other queues run some that need heartbeats meanwhile.
            for queue in others { try await stage.queue.enqueue(type: "long", payload: [], .queue(queue)) }
            try await wait(for: "jobs to run", within: .seconds(20)) {
                try await stage.queue.counts(of: ["q1"] + others).reduce(0) { $0 + $1[.active] } == poisoned + 4
            }
            try await stage.redis.call(
                "ACL", "SETUSER", "worker", "resetkeys", "~spanq:{q[2-5]}:*", "~spanq:{@}:*", "~spanq:[a-z]*")
            for queue in others {
                for _ in 0..<jobs { try await stage.queue.enqueue(type: "quick", payload: [], .queue(queue)) }
            }
            try await wait(for: "the other queues", within: .seconds(180)) {
                try await stage.queue.counts(of: others).allSatisfy { $0.totals.completed == jobs + 1 }
            }
            let stuck = try await stage.queue.counts(of: ["q1"])[0]
            let records = try await records(of: others, .completed, stage)
            try await stage.redis.call("ACL", "SETUSER", "worker", "allkeys")
            let healed = ContinuousClock.now
            try await wait(for: "the poisoned queue", within: .seconds(60)) {
                try await stage.queue.counts(of: ["q1"])[0].totals.completed == poisoned
            }
            let recovered = ContinuousClock.now - healed
            worker.signal(SIGTERM)
            try await worker.waitUntilExit(within: .seconds(20))
            return [
                .exactly("completed in the other four", records.count, 4 * (jobs + 1)),
                .exactly("attempts of these", records.reduce(0) { $0 + $1.run.attempts }, 4 * (jobs + 1)),
                .exactly("reclaims of these", records.reduce(0) { $0 + $1.run.reclaims }, 0),
                .exactly("unsettled meanwhile", stuck[.active], poisoned),
                .atMost("settled after it was healed", recovered, .seconds(5), slack: .seconds(2)),
            ]
        }
    }

    /// Bulk goes the same way as heartbeats, and is far more than there is room for.
    static let bulkWaves = Scenario(
        "bulk-waves", "handlers that enqueue 12 MiB at a time over 24 MiB/s, under leases of 2 s"
    ) {
        size in
        let (handlers, lease) = (size == .full ? 8 : 6, Duration.seconds(2))
        let length = lease * (size == .full ? 15 : 3)
        return try await RedisStage.with { stage in
            // What waits at most, 64 MiB, needs longer on this link than a lease lasts.
            stage.proxy.set { $0.bytesPerSecond = 24 << 20 }
            try stage.worker(stage.proxy.url, concurrency: handlers, lease: lease)
            for _ in 0..<handlers {
                try await stage.enqueue(FaultJob(milliseconds: Int(length / .milliseconds(1)), fansOut: true))
            }
            try await wait(for: "all to begin", within: .seconds(20)) { stage.lines(.began).count == handlers }
            // Looks for lapsed leases all the time.
            try stage.worker(concurrency: 1, lease: lease)
            try await stage.drain(within: length + .seconds(60))
            let final = try await stage.final()
            return try await stage.check().figures(extraRunsAtMost: 0) + [
                .atLeast("waves of 12 MiB", stage.lines(.wave).count, handlers),
                .exactly("leases lost", stage.lostClaims, 0),
                .exactly("reclaims", final.jobs.values.reduce(0) { $0 + $1.reclaims }, 0),
            ]
        }
    }

    private static func records(of queues: [String], _ state: JobState, _ stage: RedisStage) async throws -> [JobRecord]
    {
        var records: [JobRecord] = []
        for queue in queues {
            var request = ListRequest(queue: queue, state: state, limit: 500)
            repeat {
                let page = try await stage.queue.list(request)
                records += page.jobs
                request.cursor = page.cursor
            } while request.cursor != nil
        }
        return records
    }
}
