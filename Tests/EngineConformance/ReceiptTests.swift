// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTelemetry
import Testing

/// What an enqueue tells of a job that is there already: where that job stands, not what the call asked for.
@Suite("receipts of jobs that are there")
struct ReceiptTests {
    /// One job in each state, each with an id of the caller's and a lock that outlives it; the number of its lock by its state.
    private func jobs(_ bench: Bench) async throws -> [(state: JobState, lock: UInt8, id: JobID)] {
        var jobs: [(state: JobState, lock: UInt8, id: JobID)] = []
        func job(_ state: JobState, priority: Int = 0, retention: Retention = .standard, in schedule: Schedule = .now)
            -> NewJob
        {
            let lock = UInt8(jobs.count + 1)
            let id = JobID(unchecked: "\(state)-\(lock)")
            jobs.append((state, lock, id))
            return bench.job(
                id, type: "type:\(lock)", priority: priority, unique: bench.lock(lock, .duration(.hours(1))),
                retention: retention, digest: UInt64(lock), schedule: schedule)
        }
        for (state, verdict) in [
            (.completed, .complete), (.dead, .bury(.permanent)), (.cancelled, .cancel(reason: "no")),
            (.retrying, .retry(after: .seconds(90))),
        ] as [(JobState, Verdict)] {
            try await bench.settle(try await bench.acceptAndClaim(job(state)), verdict)
        }
        let kept = job(.completed, retention: .duration(.hours(2)))
        try await bench.settle(try await bench.acceptAndClaim(kept), .complete)
        _ = try await bench.acceptAndClaim(job(.active))
        _ = try await bench.accept(job(.scheduled, in: .after(.seconds(90))))
        _ = try await bench.accept(job(.ready))
        _ = try await bench.accept(job(.ready, priority: 4))
        return jobs
    }

    private func existing(_ record: JobRecord) -> ExistingJob {
        ExistingJob(
            id: record.message.id, state: record.state, dueAt: record.dueAt, type: record.message.type,
            traceID: record.message.trace.traceID, enqueuedAt: record.message.enqueuedAt)
    }

    @Test("by id and by lock, alone and among others, in each state", arguments: EngineUnderTest.all)
    func inEachState(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let jobs = try await jobs(bench)
            var requests: [NewJob] = []
            var expected: [EnqueueOutcome] = []
            for (state, lock, id) in jobs {
                let record = try await bench.record(id)
                #expect(record.state == state)
                #expect((record.dueAt != nil) == (state == .scheduled || state == .retrying))
                let again = bench.job(id, type: "type:\(lock)", digest: UInt64(lock), schedule: .after(.seconds(1)))
                let rival = bench.job(type: "rival", unique: bench.lock(lock, .untilStarted))
                #expect(try await bench.enqueue(again) == .present(existing(record)))
                #expect(try await bench.enqueue(rival) == .duplicate(of: existing(record)))
                requests += [again, bench.job(), rival]
                expected += [.present(existing(record)), .duplicate(of: existing(record))]
            }
            let outcomes = try await bench.enqueue(requests)
            #expect(outcomes.filter { !$0.isFresh } == expected)
            #expect(outcomes.count { $0.isFresh } == jobs.count)
        }
    }

    @Test("of a job that the same call added", arguments: EngineUnderTest.all)
    func sameCall(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let late = bench.job(
                "late", unique: bench.lock(1, .untilFinished), digest: 1, schedule: .after(.seconds(90)))
            let soon = bench.job("soon", priority: 3, unique: bench.lock(2, .untilFinished), digest: 2)
            let outcomes = try await bench.enqueue([
                late, soon, bench.job("late", digest: 1), bench.job(unique: bench.lock(1, .untilFinished)),
                bench.job("soon", digest: 2, schedule: .after(.seconds(5))),
            ])
            let (first, second) = (try await bench.record("late"), try await bench.record("soon"))
            #expect(
                Array(outcomes.dropFirst(2)) == [
                    .present(existing(first)), .duplicate(of: existing(first)), .present(existing(second)),
                ])
            #expect(first.dueAt != nil && second.dueAt == nil)
        }
    }

    @Test("of the owner of a lock whose record is gone, the id alone", arguments: EngineUnderTest.all)
    func gone(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let lock = bench.lock(1, .duration(.hours(1)))
            let job = bench.job(unique: lock, retention: .none)
            try await bench.settle(try await bench.acceptAndClaim(job), .complete)
            let outcome = try await bench.enqueue(bench.job(unique: lock))
            #expect(outcome == .duplicate(of: ExistingJob(id: job.message.id)))
        }
    }
}
