// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue

extension Scenario {
    /// Locks and finished jobs are written straight into Redis, as producers and workers of a busy queue leave them: what is looked
    /// at is whether one worker forgets them as fast.
    static let sweeping = Scenario(
        "sweeping", "20,000 unique locks and 20,000 retained jobs a second expire, for two minutes"
    ) { size in
        let (perSecond, seconds) = (20_000, size == .full ? 120 : 8)
        return try await RedisStage.with { stage in
            try stage.worker(concurrency: 8)
            let start = ContinuousClock.now
            var (written, most) = (0, 0)
            for tick in 0..<seconds * 10 {
                let reply = try await stage.redis.evaluate(expiring, "\(perSecond / 10)", "\(tick)")
                written += perSecond / 10
                most = max(most, Int(try reply.integer()))
                let next = start + .milliseconds(100) * (tick + 1)
                if next > .now { try await Task.sleep(until: next, clock: .continuous) }
            }
            let end = ContinuousClock.now
            try await wait(for: "all of them to be swept", within: .seconds(90)) {
                try await stage.redis.evaluate(left).integer() == 0
            }
            let counts = try await stage.queue.counts(of: ["default"])[0]
            return [
                .exactly("written of each kind", written, perSecond * seconds),
                // The first sweep comes within 15 seconds, and none is due before the first second is over.
                .atMost("locks at once", most, perSecond * 17),
                .atMost("all gone after", .now - end, .seconds(20), slack: .seconds(40)),
                .exactly("records left", counts[.completed], 0),
                .exactly("removed", counts.totals.removed, written),
            ]
        }
    }

    /// Writes locks and retained jobs that expire a second later, and tells how many locks there are.
    private static let expiring = """
        local time = redis.call('TIME')
        local over = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + 1000)
        local q = 'spanq:{default}:'
        for first = 1, tonumber(ARGV[1]), 100 do
          local unique, expiry, jobs, runs, retained = {}, {}, {}, {}, {}
          for i = first, first + 99 do
            local name = string.format('%07d-%08d', tonumber(ARGV[2]), i)
            local n = #unique
            unique[n + 1], unique[n + 2] = name, over .. ':' .. name
            expiry[n + 1], expiry[n + 2] = over, name
            jobs[n + 1], jobs[n + 2] = name, '1800000000000' .. string.rep('x', 200)
            runs[n + 1], runs[n + 2] = name, '\\1\\0\\1\\0' .. string.rep('x', 100)
            retained[n + 1], retained[n + 2] = over, name
          end
          redis.call('HSET', q .. 'unique', unpack(unique))
          redis.call('ZADD', q .. 'unique-expiry', unpack(expiry))
          redis.call('HSET', q .. 'jobs', unpack(jobs))
          redis.call('HSET', q .. 'runs', unpack(runs))
          redis.call('ZADD', q .. 'retained', unpack(retained))
        end
        redis.call('HINCRBY', q .. 'meta', 'enqueued', ARGV[1])
        redis.call('HINCRBY', q .. 'meta', 'completed', ARGV[1])
        return redis.call('HLEN', q .. 'unique')
        """

    private static let left = """
        local q = 'spanq:{default}:'
        return redis.call('HLEN', q .. 'unique') + redis.call('ZCARD', q .. 'unique-expiry') + redis.call('HLEN', q .. 'jobs')
          + redis.call('HLEN', q .. 'runs') + redis.call('ZCARD', q .. 'retained')
        """
}
