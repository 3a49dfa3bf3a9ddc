// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("schedule")
struct ScheduleTests {
    @Test("a delayed job is claimed after its delay and not before", arguments: EngineUnderTest.all)
    func delay(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let id = try await bench.accept(bench.job(schedule: .after(.milliseconds(400))))
            let record = try await bench.record(id)
            #expect(record.state == .scheduled)
            #expect(record.dueAt == record.message.enqueuedAt + .milliseconds(400))
            #expect(record.message.runAt == record.dueAt)
            let early = try await bench.claim()
            #expect(early.jobs.isEmpty)
            #expect(!early.hasMore)
            let left = try #require(early.nextDueIn)
            #expect(left > .zero && left <= .milliseconds(400))
            try await bench.pass(.milliseconds(450))
            let reply = try await bench.claim()
            #expect(reply.promoted == 1)
            let claimed = try #require(reply.jobs.first)
            #expect(claimed.message.id == id)
            #expect(claimed.eligibleAt == record.dueAt)
            #expect(claimed.claimedAt >= claimed.eligibleAt)
            #expect(reply.nextDueIn == nil)
        }
    }

    @Test("a moment to come is waited for, one in the past means now", arguments: EngineUnderTest.all)
    func moment(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let now = try await bench.claim().now
            let ids = try await bench.accept([
                bench.job(schedule: .at(now + .seconds(60))), bench.job(schedule: .at(now + .seconds(-60))),
                bench.job(schedule: .after(.zero)),
            ])
            #expect(try await bench.states(of: ids) == [.scheduled, .ready, .ready])
            #expect(try await bench.record(ids[0]).dueAt == now + .seconds(60))
            #expect(try await bench.record(ids[1]).message.runAt == nil)
        }
    }

    @Test("due jobs run in the order of their time", arguments: EngineUnderTest.all)
    func order(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let delays = [90, 30, 70, 10, 50]
            let ids = try await bench.accept(delays.map { bench.job(schedule: .after(.milliseconds(Int64($0)))) })
            #expect(try await bench.ids(.scheduled) == [3, 1, 4, 2, 0].map { ids[$0] })
            try await bench.pass(.milliseconds(150))
            #expect(try await bench.claim().jobs.map(\.message.id) == [3, 1, 4, 2, 0].map { ids[$0] })
        }
    }

    @Test("more due jobs than one claim promotes are all claimed in the end", arguments: EngineUnderTest.all)
    func many(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept((0..<300).map { _ in bench.job(schedule: .after(.milliseconds(20))) })
            try await bench.pass(.milliseconds(60))
            var claimed: Set<JobID> = []
            var calls = 0
            while claimed.count < 300, calls < 10 {
                let reply = try await bench.claim(128)
                claimed.formUnion(reply.jobs.map(\.message.id))
                calls += 1
                if claimed.count < 300 { #expect(reply.hasMore || reply.nextDueIn == .zero) }
            }
            #expect(claimed == Set(ids))
        }
    }

    @Test("a priority outlives the wait", arguments: EngineUnderTest.all)
    func priority(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept(
                (0...9).map { bench.job(priority: $0, schedule: .after(.milliseconds(10 + $0))) })
            try await bench.pass(.milliseconds(80))
            #expect(try await bench.claim().jobs.map(\.message.id) == ids.reversed())
        }
    }
}
