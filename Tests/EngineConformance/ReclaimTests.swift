// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("reclaim")
struct ReclaimTests {
    @Test("a lapsed job goes to the head, with the lost attempt on its record", arguments: EngineUnderTest.all)
    func ready(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim(lease: .milliseconds(100))
            let next = try await bench.accept()
            if subject.passesHours { #expect(try await bench.reclaim().isEmpty) }
            try await bench.pass(.milliseconds(150))
            let reclaimed = try await bench.reclaim()
            #expect(reclaimed.map(\.reference) == [claimed.reference])
            let job = try #require(reclaimed.first)
            let record = try await bench.record(claimed.message.id)
            #expect(job.state == .ready)
            #expect(job.message == claimed.message)
            #expect(job.run == record.run)
            #expect(record.state == .ready)
            #expect(record.run.attempts == 0)
            #expect(record.run.reclaims == 1)
            let attempt = try #require(record.run.attemptRecords.first)
            #expect(attempt.number == 1)
            #expect(attempt.outcome == .lost)
            #expect(attempt.token == claimed.reference.token)
            #expect(attempt.worker == claimed.reference.worker)
            #expect(attempt.claimedAt == claimed.claimedAt)
            #expect(attempt.eligibleAt == claimed.eligibleAt)
            #expect(attempt.endedAt >= claimed.claimedAt + .milliseconds(100))
            #expect(try await bench.ids(.ready) == [claimed.message.id, next])
            #expect(try await bench.reclaim().isEmpty)
            #expect(try await bench.claimOne().attempt == 1)
        }
    }

    @Test("a job taken back too often is a dead letter", arguments: EngineUnderTest.all)
    func poison(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let id = try await bench.accept()
            for round in 1...3 {
                _ = try await bench.claimOne(lease: .milliseconds(30))
                try await bench.pass(.milliseconds(60))
                let states = try await bench.reclaim(maxReclaims: 3).map(\.state)
                #expect(states == [round < 3 ? .ready : .dead])
            }
            let record = try await bench.record(id)
            #expect(record.state == .dead)
            #expect(record.run.reclaims == 3)
            #expect(record.run.attempts == 0)
            #expect(record.run.endReason == DeadReason.leaseExpired.rawValue)
            #expect(record.run.attemptRecords.map(\.outcome) == [.lost, .lost, .lost])
            #expect(try await bench.counts().totals.dead == 1)
        }
    }

    @Test("a lapsed job whose cancel was asked for is cancelled", arguments: EngineUnderTest.all)
    func cancelled(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim(lease: .milliseconds(50))
            #expect(try await bench.perform(.cancel(reason: "stop it"), on: claimed.message.id) == .requested)
            try await bench.pass(.milliseconds(100))
            #expect(try await bench.reclaim(maxReclaims: 1).map(\.state) == [.cancelled])
            let record = try await bench.record(claimed.message.id)
            #expect(record.state == .cancelled)
            #expect(!record.cancelRequested)
            #expect(record.run.endReason == "stop it")
            #expect(record.run.attemptRecords.map(\.outcome) == [.lost])
        }
    }

    @Test("a reclaim takes no more than its limit, the earliest first", arguments: EngineUnderTest.all)
    func limit(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept((0..<6).map { _ in bench.job() })
            for _ in 0..<6 {
                _ = try await bench.claim(1, lease: .milliseconds(30))
                try await bench.pass(.milliseconds(3))
            }
            try await bench.pass(.milliseconds(60))
            #expect(Set(try await bench.reclaim(limit: 2).map(\.reference.id)) == Set(ids.prefix(2)))
            #expect(try await bench.ids(.ready) == Array(ids.prefix(2)))
            #expect(try await bench.reclaim().count == 4)
            #expect(try await bench.counts()[.ready] == 6)
        }
    }

    @Test("hundreds of leases that lapse at once are reclaimed in bounded steps", arguments: EngineUnderTest.all)
    func many(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept((0..<500).map { bench.job(priority: $0 % 3) })
            var count = 0
            while count < 500 { count += try await bench.claim(128, lease: .milliseconds(30)).jobs.count }
            try await bench.pass(.milliseconds(80))
            var reclaimed: [JobID] = []
            for _ in 0..<20 {
                let step = try await bench.reclaim()
                #expect(step.count <= ReclaimRequest.maximumBatch)
                if step.isEmpty { break }
                reclaimed += step.map(\.reference.id)
            }
            #expect(reclaimed.count == 500)
            #expect(Set(reclaimed) == Set(ids))
            #expect(try await bench.counts()[.ready] == 500)
        }
    }

    @Test("a reclaimed job is counted, not charged, and completes later", arguments: EngineUnderTest.all)
    func uncharged(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let old = try await bench.acceptAndClaim(bench.job(maxRetries: 0), lease: .milliseconds(50))
            try await bench.pass(.milliseconds(100))
            _ = try await bench.reclaim()
            let new = try await bench.claimOne()
            #expect(new.run?.reclaims == 1)
            #expect(try await bench.settle(new, .complete) == .settled)
            #expect(try await bench.settle(old, .complete) == .lost)
            let run = try await bench.record(new.message.id).run
            #expect(run.attempts == 1)
            #expect(run.attemptRecords.map(\.number) == [1, 1])
            #expect(run.attemptRecords.map(\.outcome) == [.lost, .completed])
        }
    }
}
