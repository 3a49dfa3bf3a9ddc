// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("unique jobs")
struct UniqueTests {
    @Test("a second job with a held lock is a duplicate, and names the owner", arguments: EngineUnderTest.all)
    func duplicate(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for (byte, span) in [(1, .untilStarted), (2, .untilFinished), (3, .duration(.seconds(60)))]
                as [(UInt8, UniqueSpan)]
            {
                let lock = bench.lock(byte, span)
                let first = try await bench.accept(bench.job(unique: lock))
                #expect(try await bench.enqueue(bench.job(unique: lock)).owner == first)
            }
            #expect(try await bench.counts().totals.enqueued == 3)
        }
    }

    @Test("of two in one call the first gets the lock", arguments: EngineUnderTest.all)
    func oneCall(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let lock = bench.lock(1, .untilFinished)
            let jobs = [
                bench.job(unique: lock), bench.job(unique: lock), bench.job(unique: bench.lock(2, .untilFinished)),
            ]
            let outcomes = try await bench.enqueue(jobs)
            #expect(outcomes[0].isFresh)
            #expect(outcomes[1].owner == jobs[0].message.id)
            #expect(outcomes[2].isFresh)
        }
    }

    @Test("locks are of one queue", arguments: EngineUnderTest.all)
    func otherQueue(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let lock = bench.lock(1, .untilFinished)
            let outcomes = try await bench.enqueue([
                bench.job(unique: lock), bench.job(in: bench.queue + "-b", unique: lock),
            ])
            #expect(outcomes.map(\.isFresh) == [true, true])
        }
    }

    @Test("a lock until the start is free once the job is claimed", arguments: EngineUnderTest.all)
    func untilStarted(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let lock = bench.lock(1, .untilStarted)
            let first = try await bench.acceptAndClaim(bench.job(unique: lock))
            let second = try await bench.accept(bench.job(unique: lock))
            // The end of the first does not release the lock of the second.
            try await bench.settle(first, .bury(.permanent))
            #expect(try await bench.enqueue(bench.job(unique: lock)).owner == second)
            #expect(try await bench.perform(.redrive, on: first.message.id) == .duplicate(of: second))
        }
    }

    @Test("a lock until the end survives a retry, a release and a reclaim", arguments: EngineUnderTest.all)
    func untilFinishedHeld(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let job = bench.job(unique: bench.lock(1, .untilFinished))
            let again = { bench.job(unique: job.message.unique) }
            let owner = job.message.id
            let claimed = try await bench.acceptAndClaim(job)
            #expect(try await bench.enqueue(again()).owner == owner)
            try await bench.settle(claimed, .retry(after: .zero))
            #expect(try await bench.enqueue(again()).owner == owner)
            try await bench.settle(try await bench.claimOne(), .release)
            #expect(try await bench.enqueue(again()).owner == owner)
            _ = try await bench.claimOne(lease: .milliseconds(50))
            try await bench.pass(.milliseconds(100))
            #expect(try await bench.reclaim().count == 1)
            #expect(try await bench.enqueue(again()).owner == owner)
        }
    }

    @Test("a lock until the end is free after each kind of end", arguments: EngineUnderTest.all)
    func untilFinishedReleased(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let lock = bench.lock(1, .untilFinished)
            let new = { bench.job(unique: lock) }
            for verdict in [.complete, .bury(.permanent), .cancel(reason: "no")] as [Verdict] {
                let claimed = try await bench.acceptAndClaim(new())
                try await bench.settle(claimed, verdict)
            }
            let forgotten = try await bench.acceptAndClaim(bench.job(unique: lock, retention: .none))
            try await bench.settle(forgotten, .complete)
            for action in [.cancel(reason: "no"), .bury(reason: "no"), .remove] as [JobAction] {
                let id = try await bench.accept(new())
                _ = try await bench.perform(action, on: id)
            }
            _ = try await bench.accept(new())
            let purge = BulkRequest(queue: bench.queue, state: .ready, action: .remove)
            #expect(try await bench.engine.performAll(purge).done == 1)
            let poison = try await bench.acceptAndClaim(new(), lease: .milliseconds(50))
            try await bench.pass(.milliseconds(100))
            #expect(try await bench.reclaim(maxReclaims: 1).map(\.state) == [.dead])
            let called = try await bench.acceptAndClaim(new())
            #expect(try await bench.perform(.cancel(reason: "x"), on: called.message.id) == .requested)
            try await bench.settle(called, .retry(after: .seconds(1)))
            #expect(try await bench.enqueue(new()).isFresh)
            #expect(try await bench.state(poison.message.id) == .dead)
        }
    }

    @Test(
        "a lock for a duration is held whatever happens to its job, and free afterwards", arguments: EngineUnderTest.all
    )
    func duration(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let lock = bench.lock(1, .duration(.seconds(3)))
            let first = try await bench.acceptAndClaim(bench.job(unique: lock))
            try await bench.settle(first, .complete)
            #expect(try await bench.enqueue(bench.job(unique: lock)).owner == first.message.id)
            try await bench.pass(.milliseconds(3_050))
            #expect(try await bench.enqueue(bench.job(unique: lock)).isFresh)
        }
    }

    @Test("a redriven job takes its lock again, unless another has it", arguments: EngineUnderTest.all)
    func redrive(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let lock = bench.lock(1, .untilFinished)
            let first = try await bench.acceptAndClaim(bench.job(unique: lock))
            try await bench.settle(first, .bury(.permanent))
            let second = try await bench.accept(bench.job(unique: lock))
            let before = try await bench.record(first.message.id)
            #expect(try await bench.perform(.redrive, on: first.message.id) == .duplicate(of: second))
            #expect(try await bench.record(first.message.id) == before)
            #expect(try await bench.perform(.remove, on: second) == .done(nil))
            #expect(try await bench.perform(.redrive, on: first.message.id) == .done(.ready))
            #expect(try await bench.enqueue(bench.job(unique: lock)).owner == first.message.id)
        }
    }

    @Test("a duplicate leaves the lock and the owner as they were", arguments: EngineUnderTest.all)
    func harmless(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let lock = bench.lock(1, .untilFinished)
            let first = try await bench.acceptAndClaim(bench.job(unique: lock))
            let refused = bench.job(unique: lock)
            try await bench.enqueue(refused)
            #expect(try await bench.engine.job(refused.message.id, in: bench.queue) == nil)
            try await bench.settle(first, .complete)
            #expect(try await bench.enqueue(refused).isFresh)
        }
    }
}
