// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("settle")
struct SettleTests {
    @Test("complete: done, with its result, for good", arguments: EngineUnderTest.all)
    func complete(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim()
            #expect(try await bench.settle(claimed, .complete, result: [4, 2]) == .settled)
            let record = try await bench.record(claimed.message.id)
            #expect(record.state == .completed)
            #expect(record.attempt == 1)
            #expect(record.run.result == [4, 2])
            #expect(record.run.attemptRecords.map(\.outcome) == [.completed])
            #expect(try await bench.claim().jobs.isEmpty)
        }
    }

    @Test("retry: waits for its delay, one attempt charged", arguments: EngineUnderTest.all)
    func retry(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim()
            let verdict = Verdict.retry(after: .milliseconds(400))
            #expect(try await bench.settle(claimed, verdict, error: "boom") == .settled)
            let record = try await bench.record(claimed.message.id)
            let attempt = try #require(record.run.attemptRecords.first)
            #expect(record.state == .retrying)
            #expect(record.run.attempts == 1)
            #expect(record.run.lastError == "boom")
            #expect(record.dueAt == attempt.endedAt + .milliseconds(400))
            let early = try await bench.claim()
            #expect(early.jobs.isEmpty)
            #expect(try #require(early.nextDueIn) <= .milliseconds(400))
            try await bench.pass(.milliseconds(450))
            let again = try await bench.claimOne()
            #expect(again.message.id == claimed.message.id)
            #expect(again.attempt == 2)
            #expect(again.run == record.run)
            #expect(again.eligibleAt == record.dueAt)
        }
    }

    @Test("bury: a dead letter with its reason", arguments: EngineUnderTest.all)
    func bury(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim()
            #expect(try await bench.settle(claimed, .bury(.attemptsExhausted), error: "no use") == .settled)
            let record = try await bench.record(claimed.message.id)
            #expect(record.state == .dead)
            #expect(record.run.endReason == "attempts_exhausted")
            #expect(record.run.lastError == "no use")
            #expect(try await bench.counts().totals.dead == 1)
        }
    }

    @Test("release: the head of the queue, no attempt charged", arguments: EngineUnderTest.all)
    func release(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim()
            let next = try await bench.accept()
            #expect(try await bench.settle(claimed, .release) == .settled)
            let record = try await bench.record(claimed.message.id)
            #expect(record.state == .ready)
            #expect(record.run.attempts == 0)
            #expect(record.run.reclaims == 0)
            #expect(record.run.attemptRecords.map(\.outcome) == [.released])
            #expect(try await bench.ids(.ready) == [claimed.message.id, next])
            #expect(try await bench.claimOne().attempt == 1)
        }
    }

    @Test("cancel: cancelled with its reason", arguments: EngineUnderTest.all)
    func cancel(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim()
            #expect(try await bench.settle(claimed, .cancel(reason: "not wanted")) == .settled)
            let record = try await bench.record(claimed.message.id)
            #expect(record.state == .cancelled)
            #expect(record.run.endReason == "not wanted")
            #expect(try await bench.counts().totals.cancelled == 1)
        }
    }

    @Test("each verdict repeated is answered as the first time, and changes nothing", arguments: EngineUnderTest.all)
    func repeated(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let verdicts: [Verdict] = [
                .complete, .retry(after: .seconds(9)), .snooze(for: .seconds(9)), .bury(.permanent), .release,
                .cancel(reason: "no"),
            ]
            for verdict in verdicts {
                let claimed = try await bench.acceptAndClaim()
                let settlement = bench.settlement(of: claimed, verdict)
                #expect(try await bench.engine.settleAll([settlement]) == [.settled])
                let record = try await bench.record(claimed.message.id)
                let counts = try await bench.counts()
                try await bench.pass(.milliseconds(20))
                #expect(try await bench.engine.settleAll([settlement, settlement]) == [.settled, .settled])
                #expect(try await bench.record(claimed.message.id) == record)
                #expect(try await bench.counts().jobs == counts.jobs)
                #expect(try await bench.counts().totals == counts.totals)
                if verdict == .release { try await bench.settle(try await bench.claimOne(), .complete) }
            }
        }
    }

    @Test("one settlement twice in a call ends one attempt", arguments: EngineUnderTest.all)
    func twice(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for verdict in [.complete, .release] as [Verdict] {
                let claimed = try await bench.acceptAndClaim()
                let settlement = bench.settlement(of: claimed, verdict)
                let outcomes = try await bench.engine.settleAll([settlement, settlement])
                #expect(outcomes[0] == .settled)
                #expect(try await bench.counts().totals.completed == 1)
            }
        }
    }

    @Test("the end of an attempt is the engine's moment, not the worker's", arguments: EngineUnderTest.all)
    func endedAt(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim()
            try await bench.pass(.milliseconds(60))
            let before = try await bench.claim().now
            try await bench.settle(claimed, .complete)
            let after = try await bench.claim().now
            let attempt = try #require(try await bench.record(claimed.message.id).run.attemptRecords.first)
            #expect(attempt.endedAt >= before && attempt.endedAt <= after)
            #expect(attempt.endedAt - attempt.claimedAt >= .milliseconds(60))
        }
    }

    @Test("a job that was never claimed can't be settled", arguments: EngineUnderTest.all)
    func unclaimed(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim()
            let ready = try await bench.accept()
            #expect(try await bench.settle(claimed.named(ready), .complete) == .lost)
            #expect(try await bench.settle(claimed.named("never-was"), .complete) == .lost)
            #expect(try await bench.state(ready) == .ready)
        }
    }

    @Test("snooze: waits for its delay, no attempt charged, counted in a row", arguments: EngineUnderTest.all)
    func snooze(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            var claimed = try await bench.acceptAndClaim()
            for snoozes in 1...3 {
                #expect(try await bench.settle(claimed, .snooze(for: .milliseconds(250))) == .settled)
                #expect(try await bench.claim().jobs.isEmpty)
                let record = try await bench.record(claimed.message.id)
                #expect(record.state == .retrying)
                #expect(record.run.attempts == 0)
                #expect(record.run.snoozes == snoozes)
                #expect(record.run.attemptRecords.last?.outcome == .snoozed)
                #expect(record.dueAt == record.run.changedAt.map { $0 + .milliseconds(250) })
                try await bench.pass(.milliseconds(270))
                claimed = try await bench.claimOne()
                #expect(claimed.attempt == 1)
                #expect(claimed.snoozes == snoozes)
            }
            try await bench.settle(claimed, .retry(after: .zero), error: "no")
            #expect(try await bench.claimOne().snoozes == 0)
        }
    }

    @Test("an attempt may report progress while it runs", arguments: EngineUnderTest.all)
    func report(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim()
            let progress = JobProgress(fraction: 0.25, note: "a quarter ½")
            #expect(try await bench.engine.report(progress, on: claimed))
            #expect(try await bench.engine.report(progress, on: claimed))
            let record = try await bench.record(claimed.message.id)
            #expect(record.state == .active)
            var run = RunRecord()
            run.progress = progress
            #expect(record.run == run)
            try await bench.settle(claimed, .complete)
            #expect(try await bench.engine.report(progress, on: claimed) == false)
            #expect(try await bench.state(claimed.message.id) == .completed)
        }
    }
}

@Suite("retry")
struct RetryTests {
    @Test("a retry without a delay is due at once", arguments: EngineUnderTest.all)
    func zero(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            var claimed = try await bench.acceptAndClaim()
            for attempt in 2...4 {
                try await bench.settle(claimed, .retry(after: .zero))
                claimed = try await bench.claimOne()
                #expect(claimed.attempt == attempt)
            }
            let record = try await bench.record(claimed.message.id)
            #expect(record.attempt == 4)
            #expect(record.run.attempts == 3)
        }
    }

    @Test("retries and scheduled jobs tell the earlier due time", arguments: EngineUnderTest.all)
    func due(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim()
            _ = try await bench.accept(bench.job(schedule: .after(.seconds(100))))
            let scheduled = try #require(try await bench.claim().nextDueIn)
            #expect(scheduled > .seconds(90))
            try await bench.settle(claimed, .retry(after: .seconds(50)))
            let retry = try #require(try await bench.claim().nextDueIn)
            #expect(retry > .seconds(40) && retry <= .seconds(50))
        }
    }

    @Test("retries run in the order in which they are due", arguments: EngineUnderTest.all)
    func order(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept((0..<3).map { _ in bench.job() })
            let delays = [80, 20, 50]
            let jobs = try await bench.claim().jobs
            let settlements = zip(jobs, delays).map {
                bench.settlement(of: $0, .retry(after: .milliseconds(Int64($1))))
            }
            #expect(try await bench.engine.settleAll(settlements) == [.settled, .settled, .settled])
            #expect(try await bench.ids(.retrying) == [ids[1], ids[2], ids[0]])
            try await bench.pass(.milliseconds(150))
            #expect(try await bench.claim().jobs.map(\.message.id) == [ids[1], ids[2], ids[0]])
        }
    }
}
