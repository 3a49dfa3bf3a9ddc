// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("lease")
struct LeaseTests {
    @Test("an extended lease holds longer", arguments: EngineUnderTest.all)
    func extended(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim(lease: .milliseconds(150))
            let reply = try await bench.engine.extend([claimed.reference], in: bench.queue, by: .seconds(20))
            #expect(reply == ExtendReply())
            try await bench.pass(.milliseconds(200))
            #expect(try await bench.reclaim().isEmpty)
            let claim = try #require(try await bench.record(claimed.message.id).claim)
            #expect(claim.leaseExpiresAt >= claimed.claimedAt + .seconds(20))
            #expect(claim.claimedAt == claimed.claimedAt)
            #expect(try await bench.settle(claimed, .complete) == .settled)
        }
    }

    @Test("a lapsed lease that nobody took back is still the worker's", arguments: EngineUnderTest.all)
    func lapsed(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let first = try await bench.acceptAndClaim(lease: .milliseconds(50))
            try await bench.pass(.milliseconds(100))
            #expect(try await bench.claim().nextLapseIn == .zero)
            let reply = try await bench.engine.extend([first.reference], in: bench.queue, by: .seconds(20))
            #expect(reply.lost.isEmpty)
            #expect(try await bench.reclaim().isEmpty)
            let second = try await bench.acceptAndClaim(lease: .milliseconds(50))
            try await bench.pass(.milliseconds(100))
            #expect(try await bench.settle(second, .complete) == .settled)
        }
    }

    @Test("a heartbeat names what is lost and what is to be cancelled", arguments: EngineUnderTest.all)
    func names(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let settled = try await bench.acceptAndClaim()
            try await bench.settle(settled, .complete)
            let cancelled = try await bench.acceptAndClaim()
            #expect(try await bench.perform(.cancel(reason: "x"), on: cancelled.message.id) == .requested)
            let running = try await bench.acceptAndClaim()
            var stale = running.reference
            stale.id = "never-was"
            let claims = [settled.reference, cancelled.reference, running.reference, stale]
            let reply = try await bench.engine.extend(claims, in: bench.queue, by: .seconds(20))
            #expect(reply.lost == [settled.message.id, "never-was"])
            #expect(reply.cancelRequested == [cancelled.message.id])
        }
    }

    @Test("hundreds of leases are extended in one call", arguments: EngineUnderTest.all)
    func many(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            try await bench.accept((0..<600).map { _ in bench.job() })
            var claims: [ClaimReference] = []
            while claims.count < 600 { claims += try await bench.claim(128).jobs.map(\.reference) }
            claims[599].token = FencingToken(value: 1, nonce: 1)
            let reply = try await bench.engine.extend(claims, in: bench.queue, by: .seconds(90))
            #expect(reply.lost == [claims[599].id])
            let lapse = try #require(try await bench.claim().nextLapseIn)
            #expect(lapse <= .seconds(30))
            let expiries = try await bench.records(.active).compactMap(\.claim?.leaseExpiresAt)
            #expect(expiries == expiries.sorted())
            #expect(Set(expiries).count <= 600)
        }
    }
}

@Suite("fencing")
struct FencingTests {
    /// A job that was reclaimed from its first worker and claimed by a second.
    func zombie(_ bench: Bench) async throws -> (old: ClaimedJob, new: ClaimedJob) {
        let old = try await bench.acceptAndClaim(lease: .milliseconds(50))
        try await bench.pass(.milliseconds(100))
        try #require(try await bench.reclaim().count == 1)
        return (old, try await bench.claimOne(worker: "worker-2"))
    }

    @Test("tokens strictly rise from claim to claim", arguments: EngineUnderTest.all)
    func rise(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            var claimed = try await bench.acceptAndClaim()
            for _ in 0..<20 {
                try await bench.settle(claimed, .release)
                let next = try await bench.claimOne()
                #expect(next.reference.token > claimed.reference.token)
                claimed = next
            }
        }
    }

    @Test("no call with an old token changes anything", arguments: EngineUnderTest.all)
    func old(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let (old, new) = try await zombie(bench)
            #expect(old.reference.token < new.reference.token)
            let before = try await bench.record(new.message.id)
            let counts = try await bench.counts()
            let verdicts: [Verdict] = [
                .complete, .retry(after: .zero), .bury(.permanent), .release, .cancel(reason: "no"),
            ]
            for verdict in verdicts { #expect(try await bench.settle(old, verdict) == .lost) }
            #expect(try await bench.engine.settleAll(verdicts.map { bench.settlement(of: old, $0) }).allLost)
            let reply = try await bench.engine.extend([old.reference], in: bench.queue, by: .hours(1))
            #expect(reply.lost == [old.message.id])
            #expect(try await bench.engine.report(JobProgress(fraction: 0.5, note: "half"), on: old) == false)
            #expect(try await bench.record(new.message.id) == before)
            #expect(try await bench.counts() == counts)
            #expect(try await bench.settle(new, .complete) == .settled)
            #expect(try await bench.settle(old, .complete) == .lost)
        }
    }

    @Test("nor does one with another's token, nonce or name, be the rest as it must", arguments: EngineUnderTest.all)
    func parts(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim()
            let token = claimed.reference.token
            let before = try await bench.record(claimed.message.id)
            for wrong in [
                claimed.named(token: FencingToken(value: token.value - 1, nonce: token.nonce)),
                claimed.named(token: FencingToken(value: token.value + 1, nonce: token.nonce)),
                claimed.named(token: FencingToken(value: token.value, nonce: token.nonce ^ 1)),
                claimed.named(worker: "somebody-else"),
            ] {
                #expect(try await bench.engine.report(JobProgress(fraction: 0.5, note: "half"), on: wrong) == false)
                #expect(try await bench.settle(wrong, .complete) == .lost)
                #expect(try await bench.settle(wrong, .retry(after: .zero)) == .lost)
                let reply = try await bench.engine.extend([wrong.reference], in: bench.queue, by: .hours(1))
                #expect(reply.lost == [claimed.message.id])
            }
            #expect(try await bench.record(claimed.message.id) == before)
            #expect(try await bench.settle(claimed, .complete) == .settled)
        }
    }

    @Test("a cancel is told to who has the job, not to who lost it", arguments: EngineUnderTest.all)
    func cancel(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let (old, new) = try await zombie(bench)
            #expect(try await bench.perform(.cancel(reason: "x"), on: new.message.id) == .requested)
            let late = try await bench.engine.extend([old.reference], in: bench.queue, by: .seconds(20))
            #expect(late.lost == [old.message.id] && late.cancelRequested.isEmpty)
            let reply = try await bench.engine.extend([new.reference], in: bench.queue, by: .seconds(20))
            #expect(reply.lost.isEmpty && reply.cancelRequested == [new.message.id])
        }
    }

    @Test("a claim ends once, also where two ends of it are in one call", arguments: EngineUnderTest.all)
    func oneEnd(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for verdicts in [[.complete, .release], [.release, .complete], [.release, .bury(.permanent)]] as [[Verdict]]
            {
                let claimed = try await bench.acceptAndClaim()
                let outcomes = try await bench.engine.settleAll(verdicts.map { bench.settlement(of: claimed, $0) })
                #expect(outcomes.filter { $0 == .settled }.count == 1)
                for left in try await bench.claim().jobs { try await bench.settle(left, .complete) }
            }
            #expect(try await bench.counts()[.active] == 0)
        }
    }
}

extension [SettleOutcome] {
    var allLost: Bool { allSatisfy { $0 == .lost } }
}
