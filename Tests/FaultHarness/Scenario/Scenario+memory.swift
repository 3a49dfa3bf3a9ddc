// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue

extension Scenario {
    static let fullMemory = Scenario("full-memory", "Redis out of memory (noeviction), then healed") { size in
        let outage = size == .full ? Duration.seconds(30) : .seconds(4)
        return try await RedisStage.with { stage in
            let lease = Duration.seconds(2)
            try stage.worker(concurrency: 16, lease: lease)
            // Half end during the outage and must settle; half outlast it and need heartbeats all the while.
            for number in 0..<16 {
                let milliseconds = Int((number % 2 == 0 ? outage / 2 : outage + .seconds(2)) / .milliseconds(1))
                try await stage.enqueue(FaultJob(milliseconds: milliseconds))
            }
            for _ in 0..<200 { try await stage.enqueue(FaultJob()) }
            try await wait(for: "16 to begin", within: .seconds(20)) { stage.lines(.began).count == 16 }
            try await stage.redis.call("CONFIG", "SET", "maxmemory", "1")
            let began = ContinuousClock.now
            var (refusals, others, slowest) = (0, 0, Duration.zero)
            while ContinuousClock.now - began < outage {
                let asked = ContinuousClock.now
                do {
                    try await stage.queue.enqueue(FaultJob())
                    others += 1
                } catch let error as SpanQueueError where error.code == .outOfMemory && !error.mayHaveRun {
                    refusals += 1
                } catch {
                    others += 1
                }
                slowest = max(slowest, ContinuousClock.now - asked)
                try await Task.sleep(for: .milliseconds(100))
            }
            let settled = stage.lines(.settled).count
            try await stage.redis.call("CONFIG", "SET", "maxmemory", "0")
            let healed = ContinuousClock.now
            try await wait(for: "the next run", within: .seconds(20)) { stage.lines(.began).count > 16 }
            let resumed = ContinuousClock.now - healed
            try await stage.drain(within: .seconds(60))
            let final = try await stage.final()
            return try await stage.check().figures(extraRunsAtMost: 0) + [
                .atLeast("enqueues refused as out of memory", refusals, 10),
                .exactly("enqueues with another outcome", others, 0),
                .atMost("the slowest refusal after", slowest, .milliseconds(500), slack: .seconds(1)),
                .exactly("settled meanwhile", settled, 8),
                .exactly("reclaims", final.jobs.values.reduce(0) { $0 + $1.reclaims }, 0),
                .atMost("claims resumed after", resumed, .seconds(3), slack: .seconds(2)),
            ]
        }
    }
}
