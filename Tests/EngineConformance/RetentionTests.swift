// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

extension Bench {
    /// Sweeps until there is nothing left to drop.
    func sweep() async throws {
        for _ in 0..<1000 where try await engine.sweep(queue) == 0 { return }
        Issue.record("the sweep does not come to an end")
    }
}

@Suite("retention")
struct RetentionTests {
    @Test("a job with no retention is forgotten as it completes, and stays otherwise", arguments: EngineUnderTest.all)
    func none(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let done = try await bench.acceptAndClaim(bench.job(retention: .none))
            #expect(try await bench.settle(done, .complete) == .settled)
            #expect(try await bench.state(done.message.id) == nil)
            let dead = try await bench.acceptAndClaim(bench.job(retention: .none))
            try await bench.settle(dead, .bury(.permanent))
            #expect(try await bench.state(dead.message.id) == .dead)
            let totals = try await bench.counts().totals
            #expect(totals.completed == 1)
            #expect(totals.removed == 1)
        }
    }

    @Test("a retention of its own is kept to the moment, and swept after it", arguments: EngineUnderTest.all)
    func duration(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            try await bench.accept([
                bench.job(retention: .duration(.milliseconds(900))), bench.job(retention: .duration(.hours(9))),
                bench.job(),
            ])
            let jobs = try await bench.claim().jobs
            for job in jobs { try await bench.settle(job, .complete) }
            try await bench.sweep()
            #expect(try await bench.counts()[.completed] == 3)
            try await bench.pass(.milliseconds(950))
            try await bench.sweep()
            let states = try await bench.states(of: jobs.map(\.message.id))
            #expect(states == [nil, .completed, .completed])
            #expect(try await bench.counts().totals.removed == 1)
        }
    }

    @Test("a sweep touches nothing that is not over", arguments: EngineUnderTest.all)
    func harmless(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.oneInEachState()
            #expect(try await bench.engine.sweep(bench.queue) == 0)
            for (state, id) in ids { #expect(try await bench.state(id) == state) }
        }
    }

    @Test("locks that have run out are swept, those in force are not", arguments: EngineUnderTest.all)
    func locks(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept([
                bench.job(unique: bench.lock(1, .duration(.milliseconds(100)))),
                bench.job(unique: bench.lock(2, .duration(.seconds(90)))),
                bench.job(unique: bench.lock(3, .untilFinished)),
            ])
            try await bench.pass(.milliseconds(150))
            #expect(try await bench.engine.sweep(bench.queue) == 1)
            #expect(try await bench.engine.sweep(bench.queue) == 0)
            let outcomes = try await bench.enqueue((1...3).map { bench.job(unique: bench.lock($0, .untilFinished)) })
            #expect(outcomes[0].isFresh)
            #expect(outcomes.map(\.owner) == [nil, ids[1], ids[2]])
        }
    }

    @Test("completed and cancelled jobs are kept an hour, dead ones forever", arguments: EngineUnderTest.passingHours)
    func standard(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.oneInEachState()
            try await bench.pass(.minutes(59))
            #expect(try await bench.engine.sweep(bench.queue) == 0)
            try await bench.pass(.minutes(1))
            #expect(try await bench.engine.sweep(bench.queue) == 2)
            let finished: [JobState] = [.completed, .cancelled, .dead]
            let left = try await bench.states(of: finished.compactMap { ids[$0] })
            #expect(left == [nil, nil, .dead])
            try await bench.pass(.hours(24 * 365))
            #expect(try await bench.engine.sweep(bench.queue) == 0)
        }
    }

    @Test(
        "ten thousand completed jobs are kept, the oldest go first",
        arguments: EngineUnderTest.passingHours.filter(\.trimsAtOnce))
    func bounded(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept((0..<10_050).map { _ in bench.job() })
            while true {
                let jobs = try await bench.claim(128).jobs
                if jobs.isEmpty { break }
                _ = try await bench.engine.settleAll(jobs.map { bench.settlement(of: $0, .complete) })
            }
            let counts = try await bench.counts()
            #expect(counts[.completed] == 10_000)
            #expect(counts.totals.completed == 10_050)
            #expect(counts.totals.removed == 50)
            #expect(try await bench.states(of: [ids[49], ids[50]]) == [nil, .completed])
        }
    }
}
