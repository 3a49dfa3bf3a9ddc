// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ModelDriver
import SpanQueue
import Testing

/// Records that are missing or can't be read: what is whole goes on.
@Suite(.serialized) struct DamageTests {
    private let jobs = "spanq:{\(Stage.queue)}:jobs"
    private let request = ClaimRequest(queue: Stage.queue, limit: 10, lease: .seconds(30), worker: "w")

    private func stage() async throws -> Stage {
        let stage = try await Stage.startUnderTest()
        _ = try await stage.engine.enqueue([stage.job(1), stage.job(2), stage.job(3)])
        return stage
    }

    @Test("A claim takes ids without a record out of the queue, counts them, and claims the others")
    func vanished() async throws {
        let stage = try await stage()
        try await stage.send(["HDEL", jobs, "job-2"])
        let reply = try await stage.engine.claim(request)
        #expect(reply.vanished == ["job-2"])
        #expect(reply.jobs.map(\.message.id) == ["job-1", "job-3"])
        let counts = try #require(try await stage.engine.counts(of: [Stage.queue]).first)
        #expect(counts.totals.removed == 1)
        #expect(counts[.active] == 2)
        await stage.stop()
    }

    @Test("A claim gives what can't be read to its worker, which can bury it")
    func unreadable() async throws {
        let stage = try await stage()
        try await stage.send(["HSET", jobs, "job-2", "1800000000000 no message at all"])
        let reply = try await stage.engine.claim(request)
        #expect(reply.jobs.map(\.message.id) == ["job-1", "job-3"])
        let bad = try #require(reply.unreadable.first)
        let job = ClaimedJob(
            message: .unreadable(id: bad.reference.id, queue: Stage.queue), run: RunRecord(), reference: bad.reference,
            claimedAt: reply.now)
        let burial = Settlement(job, .bury(.decodeError))
        #expect(try await stage.engine.settleAll([burial]) == [.settled])
        #expect(try await stage.engine.counts(of: [Stage.queue]).first?[.dead] == 1)
        await stage.stop()
    }

    @Test("A reclaim drops ids without a record and takes back the others")
    func reclaim() async throws {
        let stage = try await stage()
        _ = try await stage.engine.claim(request)
        try await stage.send(["HDEL", jobs, "job-1"])
        try await stage.send(["HSET", jobs, "job-3", "1800000000000 no message at all"])
        try await stage.advance(by: .minutes(1))
        let reclaimed = try await stage.engine.reclaim(ReclaimRequest(queue: Stage.queue))
        #expect(Set(reclaimed.map(\.reference.id)) == ["job-2", "job-3"])
        let counts = try #require(try await stage.engine.counts(of: [Stage.queue]).first)
        #expect(counts[.ready] == 2)
        #expect(counts[.active] == 0)
        #expect(counts.totals.removed == 1)
        await stage.stop()
    }

    @Test("A heartbeat makes nothing active that is not, whoever's lease there is")
    func heartbeat() async throws {
        let stage = try await stage()
        let claims = try await stage.engine.claim(request).jobs.map(\.reference)
        try await stage.send(["ZREM", "spanq:{\(Stage.queue)}:active", "job-2"])
        _ = try await stage.engine.extend(claims, in: Stage.queue, by: .minutes(1))
        #expect(try await stage.engine.counts(of: [Stage.queue]).first?[.active] == 2)
        await stage.stop()
    }

    @Test("A sweep forgets the oldest of completed jobs that are more than are kept, as after a change of their number")
    func sweep() async throws {
        let stage = try await stage()
        for job in try await stage.engine.claim(request).jobs {
            let settlement = Settlement(job, .complete)
            #expect(try await stage.engine.settleAll([settlement]) == [.settled])
        }
        #expect(try await stage.engine.sweep(Stage.queue) == 0)
        try await stage.send(["RPUSH", "spanq:{\(Stage.queue)}:completed", "job-4"])
        #expect(try await stage.engine.sweep(Stage.queue) == 1)
        #expect(try await stage.engine.sweep(Stage.queue) == 0)
        #expect(try await stage.engine.counts(of: [Stage.queue]).first?[.completed] == 3)
        await stage.stop()
    }
}
