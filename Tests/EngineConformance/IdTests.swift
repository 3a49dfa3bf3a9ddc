// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("ids")
struct IdTests {
    @Test("the same job again is answered as the first time and not added", arguments: EngineUnderTest.all)
    func repeated(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let job = bench.job(schedule: .after(.seconds(5)))
            guard case .accepted(let at, let runAt, false) = try await bench.enqueue(job) else {
                Issue.record("not accepted")
                return
            }
            try await bench.pass(.milliseconds(50))
            #expect(try await bench.enqueue(job) == .accepted(enqueuedAt: at, runAt: runAt, isRepeat: true))
            #expect(try await bench.counts().totals.enqueued == 1)
        }
    }

    @Test("a repeat within one call is added once, plain or not", arguments: EngineUnderTest.all)
    func repeatedInCall(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let plain = bench.job()
            let late = bench.job(schedule: .after(.seconds(5)))
            let outcomes = try await bench.enqueue([plain, late, plain, late])
            #expect(outcomes.map(\.isFresh) == [true, true, false, false])
            #expect(outcomes.map(\.isRepeat) == [false, false, true, true])
            #expect(try await bench.ids(.ready) == [plain.message.id])
        }
    }

    @Test("a job of our own id and other content is a conflict", arguments: EngineUnderTest.all)
    func conflict(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let job = bench.job()
            try await bench.enqueue(job)
            var other = job
            other.message.payload = [7]
            #expect(try await bench.enqueue(other) == .conflict)
            #expect(try await bench.record(job.message.id).message.payload == job.message.payload)
        }
    }

    @Test("a caller's id is repeated where the content's digest is the same", arguments: EngineUnderTest.all)
    func callersID(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            #expect(try await bench.enqueue(bench.job("order:17", digest: 1)).isFresh)
            // Another trace, the same content.
            #expect(try await bench.enqueue(bench.job("order:17", digest: 1)).isRepeat)
            #expect(try await bench.enqueue(bench.job("order:17", digest: 2)) == .conflict)
            #expect(try await bench.enqueue(bench.job("order:17")) == .conflict)
            let both = [bench.job("order:18", digest: 1), bench.job("order:18", digest: 2)]
            let outcomes = try await bench.enqueue(both)
            #expect(outcomes[0].isFresh)
            #expect(outcomes[1] == .conflict)
        }
    }

    @Test("an id stays taken until its record is gone", arguments: EngineUnderTest.all)
    func taken(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let job = bench.job("order:19", digest: 3)
            try await bench.settle(try await bench.acceptAndClaim(job), .complete)
            #expect(try await bench.enqueue(job).isRepeat)
            #expect(try await bench.state("order:19") == .completed)
            #expect(try await bench.perform(.remove, on: "order:19") == .done(nil))
            #expect(try await bench.enqueue(job).isFresh)
            #expect(try await bench.state("order:19") == .ready)
        }
    }

    @Test("one id in two queues names two jobs", arguments: EngineUnderTest.all)
    func twoQueues(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let other = bench.queue + "-b"
            let id = JobID.random()
            let outcomes = try await bench.enqueue([bench.job(id), bench.job(id, in: other, payload: [4])])
            #expect(outcomes.map(\.isFresh) == [true, true])
            #expect(try await bench.engine.job(id, in: other)?.message.payload == [4])
            #expect(try await bench.record(id).message.payload == [1, 2, 3])
        }
    }
}
