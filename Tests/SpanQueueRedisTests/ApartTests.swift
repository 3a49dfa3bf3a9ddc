// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueTelemetry
import Testing

@testable import SpanQueueRedis

/// Calls that take many queues answer for each of them, in one round trip.
@Suite("Queues of one call", .serialized, .timeLimit(.minutes(2)))
struct ApartTests {
    private func job(_ id: String, in queue: String) -> NewJob {
        NewJob(
            message: JobMessage(
                id: JobID(unchecked: id), queue: queue, type: "t", payload: [1], priority: 0, maxRetries: 0,
                backoff: nil,
                timeout: nil, deadline: nil, unique: nil, retention: .standard, tags: [], trace: .root(), runAt: nil,
                enqueuedAt: Timestamp(milliseconds: 0), contentDigest: nil))
    }

    private func requests(_ queues: [String]) -> [ClaimRequest] {
        queues.map { ClaimRequest(queue: $0, limit: 10, lease: .hours(1), worker: "w") }
    }

    /// What has to go wrong with a queue for a claim, and for heartbeats and settlements, to be refused.
    @Test(
        "one that can't be worked with is one failure: of a claim, a heartbeat, a settlement",
        arguments: [["meta"], ["leases"], ["active", "leases", "meta"]])
    func oneOfThree(keys: [String]) async throws {
        try await AuditBench.with { bench in
            let queues = ["a", "b", "c"]
            for queue in queues { try await bench.enqueue(job("1", in: queue), job("2", in: queue)) }
            var claimed: [ClaimedJob] = []
            for request in requests(queues) {
                var one = request
                one.limit = 1
                claimed += try await bench.engine.claim([one])[0].get().jobs
            }
            try #require(claimed.count == 3)
            for key in keys {
                try await bench.redis("DEL", "spanq:{b}:\(key)")
                try await bench.redis("SET", "spanq:{b}:\(key)", "not what it should be")
            }
            func works(_ results: [Result<some Any, SpanQueueError>]) -> [Bool] {
                results.map { (try? $0.get()) != nil }
            }
            let claims = try await bench.engine.claim(requests(queues))
            #expect(works(claims) == [true, false, true])
            #expect(claims.compactMap { try? $0.get().jobs.count } == [1, 1])
            let beats = try await bench.engine.extend(
                claimed.map { LeaseBatch(queue: $0.reference.queue, claims: [$0.reference], lease: .hours(1)) })
            let hasLeases = keys.contains("leases")
            #expect(works(beats) == [true, !hasLeases, true])
            let settled = try await bench.engine.settle(claimed.map { bench.settlement(of: $0, .complete) })
            #expect(works(settled)[0] && works(settled)[2])
            #expect(works(settled)[1] == false)
            for queue in ["a", "c"] {
                #expect(try await bench.engine.counts(of: [queue]).first?[.completed] == 1)
            }
        }
    }

    @Test("heartbeats of many queues leave together: a Redis that stands still costs one timeout for all")
    func oneRoundTrip() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        var options = RedisEngineOptions()
        options.commandTimeout = .seconds(2)
        let engine = try await RedisEngine.started(
            server.url, options, scripts: .embedded, logger: .init(label: "test"))
        let reference = ClaimReference(id: "j", queue: "q", token: FencingToken(value: 1, nonce: 1), worker: "w")
        let batches = (0..<30).map { LeaseBatch(queue: "q\($0)", claims: [reference], lease: .seconds(30)) }
        #expect(try await engine.extend(batches).allSatisfy { (try? $0.get().lost) == ["j"] })
        server.signal(SIGSTOP)
        let start = ContinuousClock.now
        let beats = try await engine.extend(batches)
        // One after the other: a minute.
        #expect(ContinuousClock.now - start < .seconds(30))
        server.signal(SIGCONT)
        #expect(beats.count == 30 && beats.allSatisfy { (try? $0.get()) == nil })
        await engine.shutdown()
    }
}
