// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import SpanQueue
import SpanQueueAdmin
import SpanQueueProto
import SwiftProtobuf
import Testing

@testable import SpanQueueGateway

/// What a client may make of claims: they are no proof, so each is looked at.
@Suite("Forged claims", .timeLimit(.minutes(2)))
struct ForgedClaimTests {
    /// A claim with each of its bytes changed, in three ways, cut before it, and with one more.
    private static func forgeries(of claim: Data) -> [Data] {
        let bytes = [UInt8](claim)
        var forged = [Data(bytes + [0])]
        for place in bytes.indices {
            for mask in [0x01, 0x80, 0xFF] as [UInt8] {
                var other = bytes
                other[place] ^= mask
                forged.append(Data(other))
            }
            forged.append(Data(bytes[..<place]))
        }
        return forged
    }

    private static func completing(_ claims: [Data]) -> [Wire.Result] {
        claims.map { claim in
            .with {
                $0.claim = claim
                $0.complete = .with { $0.result = Data("forged".utf8) }
            }
        }
    }

    /// What is answered to all of them in a stream: how often each outcome.
    private func outcomes(of claims: [Data], in call: WorkCall) async throws -> [Wire.Settlement] {
        let before = call.settlements.count
        call.say { $0.results.results = Self.completing(claims) }
        try await eventually("answers to \(claims.count) results; came: \(call.settlements.count - before)") {
            call.settlements.count == before + claims.count
        }
        return Array(call.settlements[before...])
    }

    private func expectNothing(_ settlements: [Wire.Settlement]) {
        for one in settlements {
            #expect(one.outcome == .lost || one.outcome == .refused, "\(one)")
            #expect(one.outcome == .lost || one.problem.reason == "invalid_argument", "\(one)")
        }
    }

    @Test(
        "a claim of which a byte is another, is missing or is too many settles nothing, holds nothing and is not resumed",
        arguments: EngineKind.allCases)
    func bytes(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            // Names one bit apart, so that a forged one may be another's.
            for id: JobID in ["a0", "a1"] {
                _ = try await harness.queue.enqueue(type: "t", payload: [], .queue("q"), .id(id))
            }
            let first = try await WorkCall.open(harness.worker, worker: "w0", credits: 1)
            let mine = try await first.jobs(1)[0]
            let second = try await WorkCall.open(harness.worker, worker: "w1", credits: 1)
            let theirs = try await second.jobs(1)[0]
            #expect([mine.id, theirs.id] == ["a0", "a1"])
            // With the number of the other's claim, and all else of one's own.
            let (own, other) = (ClaimBytes.decode(mine.claim), ClaimBytes.decode(theirs.claim))
            let (claim, foreign) = (try #require(own), try #require(other))
            let mixed = [
                ClaimReference(id: foreign.id, queue: "q", token: claim.token, worker: foreign.worker),
                ClaimReference(id: foreign.id, queue: "q", token: foreign.token, worker: claim.worker),
                ClaimReference(
                    id: foreign.id, queue: "q",
                    token: FencingToken(value: foreign.token.value, nonce: claim.token.nonce), worker: foreign.worker),
                ClaimReference(id: claim.id, queue: "q", token: foreign.token, worker: foreign.worker),
            ]
            let forged = Self.forgeries(of: mine.claim) + mixed.map { Data(ClaimBytes.encode($0)) }
            #expect(forged.count > 80 && forged.count <= StreamLimits.claims)
            expectNothing(try await outcomes(of: forged, in: first))
            expectNothing(try await harness.worker.settle(.with { $0.results = Self.completing(forged) }).settlements)

            let before = first.cancels.count
            first.say { message in
                message.heartbeat.number = 7
                message.heartbeat.claims = forged
            }
            _ = try await first.first { $0.hasHeartbeat && $0.heartbeat.number == 7 ? true : nil }
            #expect(first.cancels.count == before + forged.count)
            #expect(first.cancels.allSatisfy { $0.cause == .leaseLost && Set(forged).contains($0.claim) })
            let resumed = try await WorkCall.open(harness.worker, worker: "w2", resume: forged)
            let welcome = try await resumed.first { $0.hasWelcome ? $0.welcome : nil }
            #expect(Set(welcome.lost) == Set(forged))

            for (job, name) in [(mine, "w0"), (theirs, "w1")] {
                let record = try await harness.job(job.id)
                #expect(record.state == .active && record.attempt == 1 && record.claim?.worker == name)
            }
            for (call, job) in [(first, mine), (second, theirs)] {
                call.complete([job])
                try await eventually("its own result counts") {
                    call.settlements.contains { $0.claim == job.claim && $0.outcome == .settled }
                }
                #expect(try await harness.job(job.id).run.result == Array("done".utf8))
            }
            // Once it has ended, its own claim alone is told so.
            expectNothing(try await outcomes(of: forged, in: first))
            #expect(try await outcomes(of: [mine.claim], in: first).map(\.outcome) == [.settled])
        }
    }

    @Test(
        "a claim in a queue that the token is not for is PERMISSION_DENIED, and LOST where the claim says another queue",
        arguments: EngineKind.allCases)
    func queues(_ kind: EngineKind) async throws {
        let (wim, wom) = (AccessToken(), AccessToken())
        let list = try UserList("wim worker mail \(wim.digest)\nwom worker media \(wom.digest)")
        var edges = GatewayEdges()
        edges.access = GatewayAccess { list }
        func bearer(_ token: AccessToken) -> Metadata { ["authorization": "Bearer \(token.text)"] }
        try await kind.with { source, _ in
            try await EdgeHarness.with(edges, on: source) { harness in
                for queue in ["mail", "media"] {
                    _ = try await harness.queue.enqueue(type: "t", payload: [], .queue(queue), .id("job"))
                }
                try await harness.client { client in
                    let worker = Wire.Worker.Client(wrapping: client)
                    let mine = try await WorkCall.open(
                        worker, worker: "w", queue: "mail", credits: 1, metadata: bearer(wim))
                    defer { mine.cancel() }
                    let theirs = try await WorkCall.open(
                        worker, worker: "v", queue: "media", credits: 1, metadata: bearer(wom))
                    defer { theirs.cancel() }
                    let (own, job) = (try await mine.jobs(1)[0], try await theirs.jobs(1)[0])
                    let claim = try #require(ClaimBytes.decode(job.claim))
                    let renamed = Data(
                        ClaimBytes.encode(
                            ClaimReference(id: claim.id, queue: "mail", token: claim.token, worker: claim.worker)))
                    let forged = [job.claim, renamed]
                    func expectRefused(_ settlements: [Wire.Settlement]) {
                        let found = Dictionary(settlements.map { ($0.claim, $0) }) { first, _ in first }
                        #expect(found[job.claim]?.outcome == .refused)
                        #expect(found[job.claim]?.problem.reason == "forbidden")
                        #expect(found[job.claim]?.problem.code == UInt32(RPCError.Code.permissionDenied.rawValue))
                        #expect(found[renamed]?.outcome == .lost)
                    }
                    expectRefused(try await outcomes(of: forged, in: mine))
                    expectRefused(
                        try await worker.settle(
                            .with { $0.results = Self.completing(forged) }, metadata: bearer(wim)
                        ).settlements)
                    mine.say { $0.heartbeat.claims = forged }
                    try await eventually("both are lost") { Set(mine.cancels.map(\.claim)) == Set(forged) }
                    #expect(mine.cancels.allSatisfy { $0.cause == .leaseLost })
                    let beat = try await worker.heartbeat(.with { $0.claims = forged }, metadata: bearer(wim))
                    #expect(Set(beat.cancels.map(\.claim)) == Set(forged) && !beat.hasLeaseUntil)
                    let thief = WorkCall(worker, bearer(wim))
                    thief.say { message in
                        message.hello.protocol = 1
                        message.hello.worker = "thief"
                        message.hello.lanes = [.with { $0.queue = "mail" }]
                        message.hello.resume = [job.claim]
                    }
                    #expect(try await thief.end() == "forbidden")
                    let record = try #require(try await harness.queue.job("job", in: "media"))
                    #expect(record.state == .active && record.claim?.token == claim.token)
                    mine.complete([own])
                    theirs.complete([job])
                    try await eventually("each settles its own") {
                        mine.settlements.last?.outcome == .settled && theirs.settlements.last?.outcome == .settled
                    }
                }
            }
        }
    }

    @Test(
        "a claim of a gateway that is gone, whose job another has by now, is LOST; then and once that has ended",
        arguments: EngineKind.allCases)
    func formerLife(_ kind: EngineKind) async throws {
        try await kind.with { source, _ in
            var old = Data()
            try await Harness.run(on: source) { harness in
                _ = try await harness.queue.enqueue(type: "t", payload: [], .queue("q"), .id("job"))
                let call = try await WorkCall.open(harness.worker, credits: 1)
                old = try await call.jobs(1)[0].claim
                let claim = old
                call.say { message in
                    message.results.results = [
                        .with {
                            $0.claim = claim
                            $0.release = .init()
                        }
                    ]
                }
                try await eventually("it is given back") { call.settlements.count == 1 }
            }
            let claim = old
            try await Harness.run(on: source) { harness in
                // The same worker's name, so that only the number tells.
                let call = try await WorkCall.open(harness.worker, credits: 1, resume: [claim])
                #expect(try await call.first { $0.hasWelcome ? $0.welcome : nil }.lost == [claim])
                let job = try await call.jobs(1)[0]
                let (former, present) = (ClaimBytes.decode(claim), ClaimBytes.decode(job.claim))
                let (then, now) = (try #require(former), try #require(present))
                // The number of the new claim can be guessed, its nonce can't.
                let guessed = ClaimReference(
                    id: now.id, queue: now.queue,
                    token: FencingToken(value: now.token.value, nonce: then.token.nonce), worker: now.worker)
                let forged = [claim, Data(ClaimBytes.encode(guessed))]
                #expect(try await outcomes(of: forged, in: call).map(\.outcome) == [.lost, .lost])
                #expect(try await harness.job("job").claim?.token == now.token)
                call.complete([job])
                try await eventually("the new claim counts") {
                    call.settlements.contains { $0.claim == job.claim && $0.outcome == .settled }
                }
                #expect(try await outcomes(of: forged, in: call).map(\.outcome) == [.lost, .lost])
                #expect(try await harness.job("job").run.result == Array("done".utf8))
            }
        }
    }
}
