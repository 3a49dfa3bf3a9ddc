// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("batches")
struct BatchTests {
    @Test("a thousand jobs in one call keep their order, and are claimed 128 at a time", arguments: EngineUnderTest.all)
    func thousand(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept((0..<1000).map { _ in bench.job() })
            var claimed: [JobID] = []
            while true {
                let reply = try await bench.claim(1000)
                guard !reply.jobs.isEmpty else { break }
                #expect(reply.jobs.count <= ClaimRequest.maximumBatch)
                claimed += reply.jobs.map(\.message.id)
                #expect(reply.hasMore == (claimed.count < 1000))
                let settlements = reply.jobs.map { bench.settlement(of: $0, .complete) }
                let outcomes = try await bench.engine.settleAll(settlements)
                #expect(outcomes == settlements.map { _ in .settled })
            }
            #expect(claimed == ids)
            #expect(try await bench.counts()[.completed] == 1000)
        }
    }

    @Test("a call of more bytes than may wait for Redis at a time goes out in parts", arguments: EngineUnderTest.direct)
    func heavy(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let payload = [UInt8](repeating: 7, count: 1 << 20)
            let ids = try await bench.accept((0..<72).map { _ in bench.job(payload: payload) })
            #expect(ids.count == 72)
            #expect(try await bench.counts()[.ready] == 72)
            #expect(try await bench.claim(72).jobs.map(\.message.id) == Array(ids.prefix(72)))
        }
    }

    @Test("jobs of several queues in one call, answered in its order", arguments: EngineUnderTest.all)
    func queues(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let other = bench.queue + "-b"
            let first = bench.job()
            let jobs = [first, bench.job(in: other), first, bench.job(in: other)]
            let outcomes = try await bench.enqueue(jobs)
            #expect(outcomes.map(\.isFresh) == [true, true, false, true])
            #expect(outcomes[2].isRepeat)
            let counts = try await bench.engine.counts(of: [other, bench.queue])
            #expect(counts.map(\.queue) == [other, bench.queue])
            #expect(counts.map { $0[.ready] } == [2, 1])

            let replies = try await bench.engine.claimAll(
                [other, bench.queue].map { queue in
                    ClaimRequest(queue: queue, limit: 10, lease: .seconds(30), worker: "w")
                })
            #expect(replies.map(\.jobs.count) == [2, 1])
            let claimed = [replies[0].jobs[0], replies[1].jobs[0], replies[0].jobs[1]]
            let settlements = claimed.map { bench.settlement(of: $0, .complete) }
            #expect(try await bench.engine.settleAll(settlements) == [.settled, .settled, .settled])
        }
    }

    @Test("a settle of mixed verdicts treats each by its own", arguments: EngineUnderTest.all)
    func verdicts(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            try await bench.accept((0..<6).map { _ in bench.job() })
            let jobs = try await bench.claim().jobs
            let verdicts: [Verdict] = [
                .complete, .retry(after: .seconds(9)), .bury(.permanent), .release, .cancel(reason: "no"), .complete,
            ]
            var held = jobs
            held[5] = jobs[5].named(token: FencingToken(value: 1, nonce: 1))
            let settlements = zip(held, verdicts).map { bench.settlement(of: $0, $1) }
            #expect(try await bench.engine.settleAll(settlements).last == .lost)
            let states = try await bench.states(of: jobs.map(\.message.id))
            #expect(states == [.completed, .retrying, .dead, .ready, .cancelled, .active])
        }
    }
}
