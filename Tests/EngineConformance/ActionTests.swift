// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

extension Bench {
    /// One job in each state, for what a person may do with it.
    func oneInEachState() async throws -> [JobState: JobID] {
        let verdicts: [(JobState, Verdict)] = [
            (.completed, .complete), (.dead, .bury(.permanent)), (.cancelled, .cancel(reason: "before")),
            (.retrying, .retry(after: .seconds(90))),
        ]
        var ids: [JobState: JobID] = [:]
        for (state, verdict) in verdicts {
            let claimed = try await acceptAndClaim()
            try await settle(claimed, verdict)
            ids[state] = claimed.message.id
        }
        ids[.active] = try await acceptAndClaim().message.id
        ids[.scheduled] = try await accept(job(schedule: .after(.seconds(90))))
        ids[.ready] = try await accept()
        return ids
    }

    /// Does the same to a job in each state; where it is refused, the job must be as before.
    func tryInEachState(_ action: JobAction, expecting: [JobState: ActionOutcome]) async throws {
        for (state, id) in try await oneInEachState() {
            let before = try await record(id)
            let outcome = try await perform(action, on: id)
            #expect(outcome == expecting[state], "\(action) on a \(state) job")
            switch outcome {
            case .done(let now):
                #expect(try await self.state(id) == now)
                if now == state { #expect(try await record(id) == before) }
            case .requested: #expect(try await record(id).cancelRequested)
            case .invalidState, .notFound, .duplicate: #expect(try await record(id) == before)
            }
        }
        #expect(try await perform(action, on: "never-was") == .notFound)
    }
}

@Suite("cancel")
struct CancelTests {
    @Test("what waits is cancelled, what runs is asked, what is over stays", arguments: EngineUnderTest.all)
    func states(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            try await bench.tryInEachState(
                .cancel(reason: "x"),
                expecting: [
                    .scheduled: .done(.cancelled), .ready: .done(.cancelled), .retrying: .done(.cancelled),
                    .active: .requested, .cancelled: .done(.cancelled), .completed: .invalidState(.completed),
                    .dead: .invalidState(.dead),
                ])
            #expect(try await bench.counts().totals.cancelled == 4)
        }
    }

    @Test("a cancelled job says why and when", arguments: EngineUnderTest.all)
    func reason(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let id = try await bench.accept()
            #expect(try await bench.perform(.cancel(reason: "ordered twice 🙈"), on: id) == .done(.cancelled))
            let record = try await bench.record(id)
            let at = try #require(record.run.changedAt)
            #expect(record.run.history == [.cancelled(at: at, reason: "ordered twice 🙈")])
            #expect(record.run.endReason == "ordered twice 🙈")
            #expect(at >= record.message.enqueuedAt)
            #expect(try await bench.claim().jobs.isEmpty)
        }
    }

    @Test(
        "a worker that does not hear of it in time retries or releases into the cancel", arguments: EngineUnderTest.all)
    func unheard(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for verdict in [.retry(after: .seconds(1)), .release] as [Verdict] {
                let claimed = try await bench.acceptAndClaim()
                #expect(try await bench.perform(.cancel(reason: "late"), on: claimed.message.id) == .requested)
                let settlement = bench.settlement(of: claimed, verdict)
                #expect(try await bench.engine.settleAll([settlement]) == [.settled])
                let record = try await bench.record(claimed.message.id)
                #expect(record.state == .cancelled)
                #expect(record.run.endReason == "late")
                #expect(record.run.attemptRecords.map(\.outcome) == [verdict.outcome])
                #expect(try await bench.engine.settleAll([settlement]) == [.settled])
            }
            #expect(try await bench.counts().totals.cancelled == 2)
        }
    }

    @Test(
        "of a cancel that was asked for while a job ran the time stays, however its attempt ends",
        arguments: EngineUnderTest.all)
    func time(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for verdict in [.cancel(reason: "it said"), .retry(after: .seconds(1)), .release, nil] as [Verdict?] {
                for note in [OperatorNote(reason: "because", by: "eve"), OperatorNote()] {
                    let claimed = try await bench.acceptAndClaim(
                        lease: verdict == nil ? .milliseconds(60) : .seconds(30))
                    let id = claimed.message.id
                    _ = try await bench.engine.perform(
                        .cancel(reason: note.reason), on: id, in: bench.queue, by: note.by)
                    let request = try #require(try await bench.record(id).cancelRequest)
                    let at = try #require(request.at)
                    #expect(request == CancelRequest(at: at, reason: note.reason, by: note.by))
                    #expect(at >= claimed.claimedAt)
                    try await bench.pass(.milliseconds(100))
                    if let verdict { try await bench.settle(claimed, verdict) } else { _ = try await bench.reclaim() }
                    let record = try await bench.record(id)
                    #expect(record.state == .cancelled && record.cancelRequest == nil)
                    #expect(record.run.history.count == 2)
                    #expect(record.run.history.last == .cancelled(at: at, reason: note.reason, by: note.by))
                    let ended = try #require(record.run.attemptRecords.first?.endedAt)
                    #expect(ended > at && record.run.changedAt == ended)
                    let own = record.run.attemptRecords[0].reason
                    #expect(record.run.endReason == (note.reason.isEmpty ? own ?? "" : note.reason))
                }
            }
        }
    }

    @Test("a job that ends before it hears of its cancel ends as it did", arguments: EngineUnderTest.all)
    func over(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for (verdict, state) in [(.complete, .completed), (.bury(.permanent), .dead)] as [(Verdict, JobState)] {
                let claimed = try await bench.acceptAndClaim()
                #expect(try await bench.perform(.cancel(reason: "late"), on: claimed.message.id) == .requested)
                try await bench.settle(claimed, verdict)
                let record = try await bench.record(claimed.message.id)
                #expect(record.state == state)
                #expect(!record.cancelRequested)
            }
        }
    }
}

@Suite("redrive, bury, remove")
struct RedriveTests {
    @Test("what is dead or waits for its time is redriven", arguments: EngineUnderTest.all)
    func redrive(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            try await bench.tryInEachState(
                .redrive,
                expecting: [
                    .scheduled: .done(.ready), .ready: .done(.ready), .retrying: .done(.ready), .dead: .done(.ready),
                    .active: .invalidState(.active), .completed: .invalidState(.completed),
                    .cancelled: .invalidState(.cancelled),
                ])
        }
    }

    @Test("a redriven dead letter starts afresh and keeps its history", arguments: EngineUnderTest.all)
    func afresh(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let lost = try await bench.acceptAndClaim(bench.job(maxRetries: 0), lease: .milliseconds(50))
            try await bench.pass(.milliseconds(100))
            _ = try await bench.reclaim()
            let claimed = try await bench.claimOne()
            try await bench.settle(claimed, .bury(.attemptsExhausted), error: "E")
            let other = try await bench.accept()
            try await bench.pass(.milliseconds(20))
            #expect(try await bench.perform(.redrive, on: lost.message.id) == .done(.ready))
            #expect(try await bench.ids(.ready) == [other, lost.message.id])
            let record = try await bench.record(lost.message.id)
            #expect(record.run.attempts == 0)
            #expect(record.run.reclaims == 0)
            #expect(record.run.attemptRecords.map(\.outcome) == [.lost, .buried])
            let at = try #require(record.run.changedAt)
            #expect(record.run.history.last == .redriven(at: at))
            let again = try #require(try await bench.claim().jobs.last)
            #expect(again.attempt == 1)
            #expect(again.eligibleAt == at)
            #expect(again.reference.token > claimed.reference.token)
        }
    }

    @Test("a retrying job that is redriven keeps the attempts it was charged", arguments: EngineUnderTest.all)
    func charged(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim()
            try await bench.settle(claimed, .retry(after: .hours(1)))
            #expect(try await bench.perform(.redrive, on: claimed.message.id) == .done(.ready))
            #expect(try await bench.claimOne().attempt == 2)
        }
    }

    @Test("what waits can be buried", arguments: EngineUnderTest.all)
    func bury(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            try await bench.tryInEachState(
                .bury(reason: "manual"),
                expecting: [
                    .scheduled: .done(.dead), .ready: .done(.dead), .retrying: .done(.dead), .dead: .done(.dead),
                    .active: .invalidState(.active), .completed: .invalidState(.completed),
                    .cancelled: .invalidState(.cancelled),
                ])
            #expect(try await bench.counts().totals.dead == 4)
        }
    }

    @Test("anything that does not run can be removed", arguments: EngineUnderTest.all)
    func remove(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            try await bench.tryInEachState(
                .remove,
                expecting: [
                    .scheduled: .done(nil), .ready: .done(nil), .retrying: .done(nil), .dead: .done(nil),
                    .completed: .done(nil), .cancelled: .done(nil), .active: .invalidState(.active),
                ])
            #expect(try await bench.counts().totals.removed == 6)
        }
    }

    @Test("a ready job with a priority can be cancelled, buried and removed too", arguments: EngineUnderTest.all)
    func priority(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept((0..<4).map { _ in bench.job(priority: 5) })
            #expect(try await bench.perform(.cancel(reason: "x"), on: ids[0]) == .done(.cancelled))
            #expect(try await bench.perform(.bury(reason: "x"), on: ids[1]) == .done(.dead))
            #expect(try await bench.perform(.remove, on: ids[2]) == .done(nil))
            #expect(try await bench.ids(.ready) == [ids[3]])
            #expect(try await bench.perform(.redrive, on: ids[1]) == .done(.ready))
            let plain = try await bench.accept()
            #expect(try await bench.claim().jobs.map(\.message.id) == [ids[3], ids[1], plain])
        }
    }
}
