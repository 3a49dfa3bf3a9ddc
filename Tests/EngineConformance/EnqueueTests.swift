// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTelemetry
import Testing

@Suite("enqueue")
struct EnqueueTests {
    @Test("an accepted job is ready, with what was enqueued in it", arguments: EngineUnderTest.all)
    func accepted(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            var job = bench.job(type: "email:welcome", payload: [9, 8], maxRetries: 7)
            job.message.backoff = .linear(step: .seconds(2), cap: .minutes(1))
            job.message.timeout = .seconds(20)
            job.message.tags = ["a", "b:c"]
            job.message.trace = TraceContext(traceID: .random(), spanID: .random(), flags: 1, traceState: "a=b")
            job.message.parentSpanID = .random()
            let outcome = try await bench.enqueue(job)
            let record = try await bench.record(job.message.id)
            #expect(record.state == .ready)
            var expected = job.message
            expected.enqueuedAt = record.message.enqueuedAt
            #expect(record.message == expected)
            #expect(record.run == RunRecord())
            #expect(record.attempt == 0)
            let accepted = EnqueueOutcome.accepted(enqueuedAt: expected.enqueuedAt, runAt: nil, isRepeat: false)
            #expect(outcome == accepted)
        }
    }

    @Test("a deadline is fixed by the engine's clock", arguments: EngineUnderTest.all)
    func deadline(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let job = bench.job(expiry: .after(.seconds(5)))
            try await bench.enqueue(job)
            let message = try await bench.record(job.message.id).message
            #expect(message.deadline == message.enqueuedAt + .seconds(5))
            let moment = message.enqueuedAt + .hours(1)
            let other = bench.job(expiry: .at(moment))
            try await bench.enqueue(other)
            #expect(try await bench.record(other.message.id).message.deadline == moment)
        }
    }

    @Test("jobs of one call are ready in its order, whatever their options", arguments: EngineUnderTest.all)
    func order(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let jobs = [
                bench.job(unique: bench.lock(1, .untilFinished)), bench.job(), bench.job("own-id", digest: 5),
                bench.job(),
            ]
            let ids = try await bench.accept(jobs)
            #expect(try await bench.ids(.ready) == ids)
            #expect(try await bench.claim().jobs.map(\.message.id) == ids)
        }
    }

    @Test("no jobs is a call like another", arguments: EngineUnderTest.all)
    func none(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let outcomes = try await bench.enqueue([])
            #expect(outcomes.isEmpty)
            #expect(try await bench.engine.settleAll([]).isEmpty)
            #expect(try await bench.engine.claimAll([ClaimRequest]()).isEmpty)
            #expect(try await bench.engine.extend([], in: bench.queue, by: .seconds(1)) == ExtendReply())
        }
    }
}
