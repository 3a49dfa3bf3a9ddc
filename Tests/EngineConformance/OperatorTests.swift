// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

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

    @Test("the history of a job says who acted on it", arguments: EngineUnderTest.all)
    func names(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            func act(_ action: JobAction, _ id: JobID, by: String?) async throws -> ActionOutcome {
                try await bench.engine.perform(action, on: id, in: bench.queue, by: by)
            }
            func events(_ id: JobID) async throws -> [HistoryEvent] {
                try await bench.record(id).run.history.filter { $0.attempt == nil }
            }
            // A job that is over, one that never ran, and one that runs.
            let waiting = try await bench.accept()
            _ = try await act(.bury(reason: "bad"), waiting, by: "ada")
            _ = try await act(.redrive, waiting, by: "bob")
            _ = try await act(.cancel(reason: ""), waiting, by: nil)
            var seen = try await events(waiting)
            #expect(seen.map(\.kind) == ["buried", "redriven", "cancelled"])
            #expect(seen.map(\.by) == ["ada", "bob", nil] && seen.first?.reason == "bad")
            let running = try await bench.acceptAndClaim()
            #expect(try await act(.cancel(reason: ""), running.message.id, by: "eve") == .requested)
            try await bench.settle(running, .cancel(reason: "asked"))
            seen = try await events(running.message.id)
            #expect(seen.map(\.kind) == ["cancelled"] && seen.first?.by == "eve" && seen.first?.reason == "")
            let dead = try await bench.acceptAndClaim()
            try await bench.settle(dead, .bury(.permanent))
            let reply = try await bench.engine.performAll(
                BulkRequest(queue: bench.queue, state: .dead, action: .redrive, by: "zoe"))
            #expect(reply.done == 1)
            #expect(try await events(dead.message.id).map(\.by) == ["zoe"])
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
        "an empty queue is deleted, pause and totals with it, and begins again with its next job",
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
