// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("pause")
struct PauseTests {
    @Test("a paused queue gives nothing, promotes nothing and says so", arguments: EngineUnderTest.all)
    func paused(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept([bench.job(), bench.job(schedule: .after(.milliseconds(10)))])
            try await bench.engine.pause(bench.queue)
            try await bench.engine.pause(bench.queue)
            try await bench.pass(.milliseconds(50))
            let reply = try await bench.claim()
            #expect(reply.isPaused)
            #expect(reply.jobs.isEmpty)
            #expect(reply.promoted == 0)
            #expect(try await bench.counts().isPaused)
            #expect(try await bench.states(of: ids) == [.ready, .scheduled])
            _ = try await bench.engine.resume(bench.queue)
            _ = try await bench.engine.resume(bench.queue)
            #expect(try await bench.counts().isPaused == false)
            #expect(try await bench.claim().jobs.map(\.message.id) == ids)
        }
    }

    @Test("what runs goes on while the queue is paused", arguments: EngineUnderTest.all)
    func running(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            try await bench.accept((0..<3).map { _ in bench.job() })
            let jobs = try await bench.claim().jobs
            try await bench.engine.pause(bench.queue)
            let late = try await bench.accept()
            #expect(try await bench.settle(jobs[0], .complete) == .settled)
            let reply = try await bench.engine.extend([jobs[1].reference], in: bench.queue, by: .milliseconds(50))
            #expect(reply.lost.isEmpty)
            #expect(try await bench.perform(.cancel(reason: "x"), on: jobs[2].message.id) == .requested)
            #expect(try await bench.perform(.cancel(reason: "x"), on: late) == .done(.cancelled))
            try await bench.pass(.milliseconds(100))
            #expect(try await bench.claim().nextLapseIn == .zero)
            #expect(try await bench.reclaim().map(\.state) == [.ready])
        }
    }

    @Test("a pause is of one queue", arguments: EngineUnderTest.all)
    func other(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let other = bench.queue + "-b"
            try await bench.accept([bench.job(), bench.job(in: other)])
            try await bench.engine.pause(other)
            let replies = try await bench.engine.claimAll(
                [other, bench.queue].map { queue in
                    ClaimRequest(queue: queue, limit: 10, lease: .seconds(30), worker: "w")
                })
            #expect(replies.map(\.isPaused) == [true, false])
            #expect(replies.map(\.jobs.count) == [0, 1])
        }
    }

    @Test("a pause is told of with when, why and by whom", arguments: EngineUnderTest.all)
    func pause(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            _ = try await bench.accept()
            #expect(try await bench.counts().pause == nil)
            let before = try await bench.engine.now()
            for note in [OperatorNote(reason: "2 reasons", by: "ada"), OperatorNote(reason: "7"), OperatorNote()] {
                _ = try await bench.engine.pause(bench.queue, note: note)
                let pause = try #require(try await bench.counts().pause)
                #expect(pause.note == note)
                let after = try await bench.engine.now()
                #expect(before <= pause.at && pause.at <= after)
            }
            _ = try await bench.engine.resume(bench.queue)
            #expect(try await bench.counts().pause == nil)
            _ = try await bench.engine.pause(bench.queue, note: OperatorNote(reason: "x"))
            // What wakes up with the next job is another queue of that name.
            _ = try await bench.engine.performAll(BulkRequest(queue: bench.queue, state: .ready, action: .remove))
            #expect(try await bench.engine.delete(bench.queue))
            _ = try await bench.accept()
            #expect(try await bench.counts().pause == nil)
        }
    }
}
