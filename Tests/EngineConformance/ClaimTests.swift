// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("claim")
struct ClaimTests {
    @Test("a claim gives the oldest jobs, a token and a lease", arguments: EngineUnderTest.all)
    func claims(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept((0..<3).map { _ in bench.job() })
            let reply = try await bench.claim(2, lease: .seconds(10), worker: "worker-7")
            #expect(reply.jobs.map(\.message.id) == Array(ids.prefix(2)))
            #expect(reply.hasMore)
            #expect(!reply.isPaused)
            #expect(reply.promoted == 0)
            #expect(reply.unreadable.isEmpty)
            #expect(reply.vanished.isEmpty)
            let lapse = try #require(reply.nextLapseIn)
            #expect(lapse > .seconds(9) && lapse <= .seconds(10))
            for job in reply.jobs {
                #expect(job.attempt == 1)
                #expect(job.run == RunRecord())
                #expect(job.reference.queue == bench.queue)
                #expect(job.reference.worker == "worker-7")
                #expect(job.claimedAt == reply.now)
                #expect(job.eligibleAt == job.message.enqueuedAt)
                #expect(job.wait == job.claimedAt - job.message.enqueuedAt)
                let record = try await bench.record(job.message.id)
                let claim = try #require(record.claim)
                #expect(record.state == .active)
                #expect(record.attempt == 1)
                #expect(claim.token == job.reference.token)
                #expect(claim.worker == "worker-7")
                #expect(claim.claimedAt == job.claimedAt)
                #expect(claim.leaseExpiresAt == job.claimedAt + .seconds(10))
            }
        }
    }

    @Test("an empty queue gives nothing and has nothing more", arguments: EngineUnderTest.all)
    func empty(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let reply = try await bench.claim()
            var expected = ClaimReply(now: reply.now)
            expected.hasMore = false
            #expect(reply == expected)
        }
    }

    @Test("a claim of no jobs promotes and takes none", arguments: EngineUnderTest.all)
    func zero(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let id = try await bench.accept(bench.job(schedule: .after(.milliseconds(10))))
            try await bench.pass(.milliseconds(50))
            let reply = try await bench.claim(0)
            #expect(reply.promoted == 1)
            #expect(reply.jobs.isEmpty)
            #expect(reply.hasMore)
            #expect(try await bench.state(id) == .ready)
        }
    }

    @Test("no job is claimed twice by workers that claim at once", arguments: EngineUnderTest.all)
    func concurrent(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept((0..<200).map { _ in bench.job() })
            let claimed = try await withThrowingTaskGroup(of: [JobID].self) { group in
                for number in 0..<8 {
                    group.addTask {
                        var mine: [JobID] = []
                        while true {
                            let jobs = try await bench.claim(7, worker: "worker-\(number)").jobs
                            if jobs.isEmpty { return mine }
                            mine += jobs.map(\.message.id)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.count == 200)
            #expect(Set(claimed) == Set(ids))
        }
    }

    @Test("one call may claim from a queue twice", arguments: EngineUnderTest.all)
    func twice(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept((0..<3).map { _ in bench.job() })
            let request = ClaimRequest(queue: bench.queue, limit: 2, lease: .seconds(9), worker: "w")
            let replies = try await bench.engine.claimAll([request, request])
            #expect(replies.map { $0.jobs.map(\.message.id) } == [Array(ids.prefix(2)), Array(ids.suffix(1))])
            #expect(replies.map(\.hasMore) == [true, false])
        }
    }
}
