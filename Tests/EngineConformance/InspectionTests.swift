// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import Testing

@Suite("counts")
struct CountTests {
    @Test("each state is counted", arguments: EngineUnderTest.all)
    func states(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            _ = try await bench.oneInEachState()
            try await bench.accept([bench.job(priority: 4), bench.job(schedule: .after(.seconds(9)))])
            let counts = try await bench.counts()
            #expect(counts.queue == bench.queue)
            let expected: [JobState: Int] = [
                .scheduled: 2, .held: 0, .ready: 2, .active: 1, .retrying: 1, .completed: 1, .dead: 1, .cancelled: 1,
            ]
            #expect(counts.jobs == expected)
            #expect(!counts.isPaused)
        }
    }

    @Test("a queue that never was is empty", arguments: EngineUnderTest.all)
    func unknown(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let counts = try await bench.counts()
            #expect(JobState.known.allSatisfy { counts.jobs[$0] == 0 })
            #expect(counts.totals == QueueTotals())
            #expect(counts.oldestReadyAge == nil)
        }
    }

    @Test("without names all queues that ever had a job are counted", arguments: EngineUnderTest.all)
    func all(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let names = [bench.queue, bench.queue + "-b", bench.queue + "-c"]
            try await bench.accept([bench.job(), bench.job(in: names[1])])
            let found = Set(try await bench.engine.queues())
            #expect(found.isSuperset(of: names.prefix(2)))
            #expect(!found.contains(names[2]))
            #expect(try await bench.engine.counts(of: []).isEmpty)
        }
    }

    @Test("the oldest ready job's age starts when it became ready", arguments: EngineUnderTest.all)
    func age(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            try await bench.accept((0..<3).map { _ in bench.job(schedule: .after(.milliseconds(900))) })
            #expect(try await bench.counts().oldestReadyAge == nil)
            try await bench.pass(.milliseconds(1050))
            let claimed = try await bench.claimOne()
            let promoted = try #require(try await bench.counts().oldestReadyAge)
            #expect(promoted >= .milliseconds(150))
            for job in try await bench.claim().jobs { try await bench.settle(job, .complete) }
            #expect(try await bench.counts().oldestReadyAge == nil)
            _ = try await bench.accept(bench.job(priority: 1))
            try await bench.pass(.milliseconds(50))
            let urgent = try #require(try await bench.counts().oldestReadyAge)
            #expect(urgent >= .milliseconds(50) && urgent < promoted + .seconds(60))
            try await bench.settle(claimed, .complete)
        }
    }

    @Test(
        "a job that is due ages while no worker claims, be it scheduled or to be tried again",
        arguments: EngineUnderTest.all)
    func dueAge(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let retried = try await bench.acceptAndClaim()
            try await bench.accept([
                bench.job(priority: 3, schedule: .after(.milliseconds(500))), bench.job(schedule: .after(.hours(1))),
            ])
            try await bench.pass(.milliseconds(600))
            let scheduled = try #require(try await bench.counts().oldestReadyAge)
            #expect(scheduled >= .milliseconds(100) && scheduled < .minutes(30))
            // Newer than what is due.
            try await bench.accept([bench.job(), bench.job(priority: 9)])
            #expect(try #require(try await bench.counts().oldestReadyAge) >= scheduled)
            while true {
                let jobs = try await bench.claim().jobs
                guard !jobs.isEmpty else { break }
                for job in jobs { try await bench.settle(job, .complete) }
            }
            #expect(try await bench.counts().oldestReadyAge == nil)
            try await bench.settle(retried, .retry(after: .milliseconds(1)))
            try await bench.pass(.milliseconds(60))
            let counts = try await bench.counts()
            #expect(counts[.ready] == 0 && counts[.retrying] == 1)
            #expect(try #require(counts.oldestReadyAge) >= .milliseconds(50))
        }
    }
}

@Suite("inspect")
struct InspectTests {
    @Test("a job is found by its id alone", arguments: EngineUnderTest.all)
    func withoutQueue(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for (state, id) in try await bench.oneInEachState() {
                let record = try #require(try await bench.engine.job(id, in: nil))
                #expect(record.state == state)
                #expect(try await bench.record(id) == record)
            }
            let elsewhere = try await bench.accept(bench.job(in: bench.queue + "-b"))
            #expect(try await bench.engine.job(elsewhere, in: nil)?.message.queue == bench.queue + "-b")
            #expect(try await bench.engine.job(elsewhere, in: bench.queue) == nil)
            #expect(try await bench.engine.job(.random(), in: nil) == nil)
        }
    }

    @Test("a job with a priority is found ready", arguments: EngineUnderTest.all)
    func priority(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let id = try await bench.accept(bench.job(priority: 9))
            let record = try await bench.record(id)
            #expect(record.state == .ready)
            #expect(record.dueAt == nil)
            #expect(record.message.priority == 9)
        }
    }

    @Test("a job that came back is ready, not completed", arguments: EngineUnderTest.all)
    func cameBack(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim()
            try await bench.settle(claimed, .release)
            #expect(try await bench.state(claimed.message.id) == .ready)
            try await bench.settle(try await bench.claimOne(), .complete)
            #expect(try await bench.state(claimed.message.id) == .completed)
        }
    }
}

@Suite("workers")
struct WorkerRegistryTests {
    func info(_ id: String, busy: Int = 0) -> WorkerInfo {
        WorkerInfo(
            id: id, host: "host-ü", pid: 42, queues: ["a", "b"], concurrency: 10, busy: busy,
            startedAt: Timestamp(milliseconds: 1_800_000_000_123), version: "1.2.3", types: ["email:*", "x"])
    }

    @Test("an announced worker is known as it said, until it retires", arguments: EngineUnderTest.all)
    func known(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let id = "w-\(UUID().uuidString)"
            try await bench.engine.announce(info(id), lifetime: .seconds(30))
            try await bench.engine.announce(info(id, busy: 3), lifetime: .seconds(30))
            let mine = try await bench.engine.workers().filter { $0.id == id }
            #expect(mine == [info(id, busy: 3)])
            try await bench.engine.retire(workerID: id)
            try await bench.engine.retire(workerID: id)
            #expect(try await bench.engine.workers().contains { $0.id == id } == false)
        }
    }

    @Test("a worker that falls silent lapses", arguments: EngineUnderTest.all)
    func lapses(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = (0..<2).map { _ in "w-\(UUID().uuidString)" }
            try await bench.engine.announce(info(ids[0]), lifetime: .milliseconds(100))
            try await bench.engine.announce(info(ids[1]), lifetime: .seconds(60))
            try await bench.pass(.milliseconds(200))
            let known = try await bench.engine.workers().map(\.id).filter(ids.contains)
            #expect(known == [ids[1]])
        }
    }
}
