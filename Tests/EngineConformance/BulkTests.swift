// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("bulk")
struct BulkTests {
    func buried(_ bench: Bench, _ jobs: [NewJob]) async throws -> [JobID] {
        let ids = try await bench.accept(jobs)
        for job in try await bench.claim().jobs {
            try await bench.settle(job, .bury(.permanent))
            try await bench.pass(.milliseconds(2))
        }
        return ids
    }

    @Test("a purge empties any state but active, oldest first", arguments: EngineUnderTest.direct)
    func purge(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.oneInEachState()
            // No feature of this version holds a job back.
            for state in JobState.known where state != .active && state != .held {
                let request = BulkRequest(queue: bench.queue, state: state, action: .remove)
                #expect(try await bench.engine.performAll(request) == BulkReply(done: 1, skipped: 0), "\(state)")
                #expect(try await bench.engine.performAll(request) == BulkReply(done: 0, skipped: 0), "\(state)")
                let id = try #require(ids[state])
                #expect(try await bench.engine.job(id, in: bench.queue) == nil)
            }
            #expect(try await bench.counts().totals.removed == 6)
        }
    }

    @Test("a purge goes on until it is done, at most a hundred jobs a call", arguments: EngineUnderTest.direct)
    func steps(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept((0..<230).map { bench.job(priority: $0 < 10 ? 1 : 0) })
            var request = BulkRequest(queue: bench.queue, state: .ready, action: .remove, limit: 20)
            #expect(try await bench.engine.performAll(request).done == 20)
            #expect(try await bench.ids(.ready) == Array(ids.dropFirst(20)))
            request.limit = 100
            var steps: [Int] = []
            repeat { steps.append(try await bench.engine.performAll(request).done) } while steps.last != 0
            #expect(steps == [100, 100, 10, 0])
        }
    }

    @Test("a bulk redrive makes dead letters ready, oldest first", arguments: EngineUnderTest.direct)
    func redrive(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await buried(bench, (0..<5).map { _ in bench.job() })
            var request = BulkRequest(queue: bench.queue, state: .dead, action: .redrive, limit: 2)
            #expect(try await bench.engine.performAll(request) == BulkReply(done: 2, skipped: 0))
            #expect(try await bench.ids(.ready) == Array(ids.prefix(2)))
            request.limit = 100
            #expect(try await bench.engine.performAll(request).done == 3)
            let jobs = try await bench.claim().jobs
            #expect(jobs.map(\.message.id) == ids)
            #expect(jobs.map(\.attempt) == [1, 1, 1, 1, 1])
            #expect(jobs.map(\.run?.attempts) == [0, 0, 0, 0, 0])
        }
    }

    @Test("a bulk redrive keeps priorities", arguments: EngineUnderTest.direct)
    func priority(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await buried(bench, [bench.job(priority: 9), bench.job(), bench.job(priority: 3)])
            let request = BulkRequest(queue: bench.queue, state: .dead, action: .redrive)
            #expect(try await bench.engine.performAll(request).done == 3)
            #expect(try await bench.claim().jobs.map(\.message.id) == [ids[0], ids[2], ids[1]])
        }
    }

    @Test("jobs that died after the moment of the request are left alone", arguments: EngineUnderTest.direct)
    func notAfter(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let old = try await buried(bench, [bench.job(), bench.job()])
            let moment = try await bench.claim().now
            try await bench.pass(.milliseconds(20))
            let new = try await buried(bench, [bench.job()])
            for (action, expected) in [(.redrive, 2), (.remove, 0)] as [(BulkRequest.Action, Int)] {
                let request = BulkRequest(queue: bench.queue, state: .dead, action: action, notAfter: moment)
                #expect(try await bench.engine.performAll(request).done == expected)
            }
            #expect(try await bench.ids(.ready) == old)
            #expect(try await bench.ids(.dead) == new)
        }
    }

    @Test(
        "dead letters whose lock another job holds are skipped, and passed over by the next call",
        arguments: EngineUnderTest.direct)
    func skipped(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let lock = bench.lock(1, .untilFinished)
            let blocked = try await buried(bench, [bench.job(unique: lock)])
            let free = try await buried(bench, [bench.job(), bench.job(unique: bench.lock(2, .untilFinished))])
            let holder = try await bench.accept(bench.job(unique: lock))
            var request = BulkRequest(queue: bench.queue, state: .dead, action: .redrive, limit: 2)
            #expect(try await bench.engine.performAll(request) == BulkReply(done: 1, skipped: 1))
            request.skip = 1
            #expect(try await bench.engine.performAll(request) == BulkReply(done: 1, skipped: 0))
            #expect(try await bench.engine.performAll(request) == BulkReply(done: 0, skipped: 0))
            #expect(try await bench.ids(.dead) == blocked)
            #expect(try await bench.ids(.ready) == [holder] + free)
            let again = try await bench.enqueue(bench.job(unique: bench.lock(2, .untilFinished)))
            #expect(again.owner == free[1])
        }
    }

    @Test("active jobs can't be acted on in bulk, and only dead ones redriven", arguments: EngineUnderTest.direct)
    func refused(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            _ = try await bench.oneInEachState()
            let before = try await bench.counts()
            for state in JobState.known where state != .dead {
                let request = BulkRequest(queue: bench.queue, state: state, action: .redrive)
                await #expect(throws: SpanQueueError.self) { try await bench.engine.performAll(request) }
            }
            let purge = BulkRequest(queue: bench.queue, state: .active, action: .remove)
            await #expect(throws: SpanQueueError.self) { try await bench.engine.performAll(purge) }
            #expect(try await bench.counts().jobs == before.jobs)
        }
    }
}
