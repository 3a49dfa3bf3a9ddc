import SpanQueue
import Testing

@Suite("what a person does to a queue")
struct OperatorTests {
    @Test(
        "a queue that nobody knows can't be paused, resumed or deleted, and is not made by that",
        arguments: EngineUnderTest.all)
    func unknown(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let other = bench.queue + "-typo"
            _ = try await bench.accept()
            #expect(try await bench.engine.pause(other, note: OperatorNote(reason: "x")) == false)
            #expect(try await bench.engine.resume(other) == false)
            #expect(try await bench.engine.delete(other) == false)
            #expect(try await bench.engine.queues().contains(other) == false)
            #expect(try await bench.engine.counts(of: [other]).first?.isPaused == false)
        }
    }

    @Test("a queue with jobs in any state is not deleted", arguments: EngineUnderTest.all)
    func filled(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim()
            await #expect(throws: SpanQueueError.self) { try await bench.engine.delete(bench.queue) }
            try await bench.settle(claimed, .complete)
            let error = await #expect(throws: SpanQueueError.self) { try await bench.engine.delete(bench.queue) }
            #expect(error?.code == .invalidState)
            #expect(try await bench.counts().totals.completed == 1)
        }
    }

    @Test(
        "an empty queue is deleted, pause and totals with it, and begins anew with its next job",
        arguments: EngineUnderTest.all)
    func emptied(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim(bench.job(retention: .none))
            try await bench.settle(claimed, .complete)
            #expect(try await bench.engine.pause(bench.queue))
            #expect(try await bench.engine.delete(bench.queue))
            #expect(try await bench.engine.delete(bench.queue) == false)
            #expect(try await bench.engine.queues().contains(bench.queue) == false)
            #expect(try await bench.counts().totals == QueueTotals())
            // By the same engine, which had listed it before.
            _ = try await bench.accept()
            #expect(try await bench.engine.queues().contains(bench.queue))
            #expect(try await bench.counts().isPaused == false)
            #expect(try await bench.counts().totals.enqueued == 1)
        }
    }
}
