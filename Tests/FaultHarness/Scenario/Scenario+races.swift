// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import RedisServerFixture
import SpanQueue

extension Scenario {
    /// Settlements and reclaims of the same jobs, sent at once over two connections round the moment of expiry.
    static let races = Scenario("races", "reclaim races settle round the expiry") { size in
        let rounds = (size == .full ? 100_000 : 6_400) / 128 + 1
        return try await RedisStage.with { stage in
            let (settler, reclaimer) = try await (
                EngineOn.started(stage.server.url), EngineOn.started(stage.server.url)
            )
            var (settled, reclaimed, both, neither, unanswered) = (0, 0, 0, 0, 0)
            for round in 0..<rounds {
                let claims = try await claim(128, of: settler, stage, lease: .milliseconds(100))
                // Settlements arrive from 3 ms before the expiry to 3 ms after it.
                try await Task.sleep(for: .milliseconds(100) - .milliseconds(3) + .microseconds((round % 61) * 100))
                async let back = reclaimAll(reclaimer, 2)
                var won: Set<JobID> = []
                for start in stride(from: 0, to: claims.count, by: 32) {
                    let batch = Array(claims[start..<min(start + 32, claims.count)])
                    let outcomes = try await settler.settleAll(batch.map(completion))
                    for (claim, outcome) in zip(batch, outcomes) where outcome == .settled {
                        won.insert(claim.reference.id)
                    }
                }
                let lost = try await back.union(reclaimAll(reclaimer, 2, until: .milliseconds(20)))
                settled += won.count
                reclaimed += lost.count
                both += won.intersection(lost).count
                neither += claims.count - won.union(lost).count
                unanswered += try await stage.count(.active)
                _ = try await stage.queue.purge("default", .ready)
            }
            await settler.shutdown()
            await reclaimer.shutdown()
            let damage = try await Keyspace.damage(of: "default", stage.redis)
            let completed = try await stage.queue.counts()[0].totals.completed
            return [
                .exactly("races", settled + reclaimed, rounds * 128), .atLeast("won by the settlement", settled, 1),
                .atLeast("won by the reclaim", reclaimed, 1), .exactly("won by both", both, 0),
                .exactly("won by neither", neither, 0), .exactly("left active", unanswered, 0),
                .exactly("completions counted beyond those", completed - settled, 0), .none("damage", damage),
            ]
        }
    }

    static let massExpiry = Scenario("mass-expiry", "20,000 leases expire at once") { _ in
        let jobs = 20_000
        return try await RedisStage.with { stage in
            let engine = try await EngineOn.started(stage.server.url)
            for _ in 0..<(jobs / 1_000) {
                _ = try await claim(1_000, of: engine, stage, lease: .seconds(3600), upTo: 128)
            }
            let active = try await stage.count(.active)
            // All expire in one moment: now.
            _ = try await stage.redis.evaluate(
                """
                local ids = redis.call('ZRANGE', 'spanq:{default}:active', 0, -1)
                for _, id in ipairs(ids) do redis.call('ZADD', 'spanq:{default}:active', 1, id) end
                return #ids
                """)
            try await stage.redis.call("CONFIG", "SET", "slowlog-log-slower-than", "5000")
            try await stage.redis.call("CONFIG", "SET", "latency-tracking-info-percentiles", "99 100")
            try await stage.redis.call("CONFIG", "RESETSTAT")
            try await stage.redis.call("SLOWLOG", "RESET")
            let began = ContinuousClock.now
            var back = 0
            while true {
                let jobs = try await engine.reclaim(ReclaimRequest(queue: "default"))
                back += jobs.count
                if jobs.isEmpty { break }
            }
            let took = ContinuousClock.now - began
            let latency = try await stage.redis.info("latency_percentiles_usec_evalsha")
            let slow = Int(try await stage.redis.call("SLOWLOG", "LEN").integer())
            await engine.shutdown()
            return [
                .exactly("leases", active, jobs), .exactly("reclaimed", back, jobs),
                .exactly("ready", try await stage.count(.ready), jobs),
                Figure("in \(Figure.text(took)); µs a script \(latency)"),
                // A redis-server that is preempted is slow without a fault of the script, and more often beside other work: one in
                // fifty may be, one in ten on a busy machine. A script that takes long is slow each time.
                .atMost("scripts over 5 ms of \(jobs / 100 + 1)", slow, jobs / 100 / 50, slack: jobs / 100 / 10),
                .none("damage", try await Keyspace.damage(of: "default", stage.redis)),
            ]
        }
    }

    /// Enqueues and claims this many jobs.
    private static func claim(
        _ count: Int, of engine: any Engine, _ stage: RedisStage, lease: Duration, upTo batch: Int = 128
    ) async throws -> [ClaimedJob] {
        let payload = try FaultJob().bytes
        _ = try await stage.queue.enqueue(
            (0..<count).map { _ in EnqueueRequest(type: FaultJob.jobType, payload: payload) })
        var claims: [ClaimedJob] = []
        while claims.count < count {
            let limit = min(batch, count - claims.count)
            claims += try await engine.claim(
                ClaimRequest(queue: "default", limit: limit, lease: lease, worker: "racer")
            ).jobs
        }
        return claims
    }

    private static func completion(of claim: ClaimedJob) -> Settlement {
        Settlement(claim, .complete)
    }

    /// Reclaims this often in a row, and on until nothing was reclaimed for a while.
    private static func reclaimAll(
        _ engine: any Engine, _ count: Int, until quiet: Duration = .zero
    ) async throws -> Set<JobID> {
        var taken: Set<JobID> = []
        var request = ReclaimRequest(queue: "default")
        request.maxReclaims = 255
        let end = ContinuousClock.now + quiet
        var left = count
        while left > 0 || ContinuousClock.now < end {
            left -= 1
            taken.formUnion(try await engine.reclaim(request).map(\.reference.id))
            if quiet > .zero { try await Task.sleep(for: .milliseconds(5)) }
        }
        return taken
    }
}
