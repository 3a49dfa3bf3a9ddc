// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import GRPCCore
import SpanQueue
import SpanQueueTesting
import Testing

@testable import SpanQueueGateway

@Suite("The time that a caller gives")
struct DeadlineTests {
    @Test("is read as gRPC writes it, and from the metadata")
    func timeouts() {
        let good: [(String, Duration)] = [
            ("1H", .seconds(3600)), ("2M", .seconds(120)), ("3S", .seconds(3)), ("250m", .milliseconds(250)),
            ("5u", .microseconds(5)), ("6n", .nanoseconds(6)), ("99999999u", .microseconds(99_999_999)),
        ]
        for (text, duration) in good { #expect(CallDeadline.timeout(text) == duration, "\(text)") }
        for text in ["", "5", "S", "-1S", "+1S", "1.5S", "123456789m", "1 S", " 1S", "1s", "1S ", "1\u{301}S", "１S"] {
            #expect(CallDeadline.timeout(text) == nil, "\(text)")
        }
        let now = ContinuousClock.now
        #expect(CallDeadline.of(["grpc-timeout": "2S"], now: now) == now + .seconds(2))
        #expect(CallDeadline.of([:], now: now) == nil)
    }

    /// On an engine that has heard of its clock.
    private func nothingLater(_ queue: JobQueue) async throws {
        let engine = try await queue.engine
        let job = EnqueueRequest(type: "t", payload: [1], options: [.queue("q")])
        let now = ContinuousClock.now
        let before = now - .seconds(1)
        let after = now + .seconds(60)
        _ = try await queue.enqueue(job, until: after)
        let late = ClaimRequest(queue: "q", limit: 1, lease: .seconds(30), worker: "w", notAfter: before)
        let claim = await #expect(throws: SpanQueueError.self) { try await engine.claim(late) }
        #expect(claim?.code == .timeout && claim?.mayHaveRun == false)
        let lone = await #expect(throws: SpanQueueError.self) { try await queue.enqueue(job, until: before) }
        #expect(lone?.code == .timeout && lone?.mayHaveRun == false)
        let many = await #expect(throws: SpanQueueError.self) { try await queue.enqueue([job, job], until: before) }
        #expect(many?.code == .timeout && many?.mayHaveRun == false)
        let counts = try #require(try await queue.counts(of: ["q"]).first)
        #expect(counts[.ready] == 1 && counts[.active] == 0)
        let inTime = ClaimRequest(queue: "q", limit: 1, lease: .seconds(30), worker: "w", notAfter: after)
        #expect(try await engine.claim(inTime).jobs.count == 1)
    }

    @Test("is over for claims and enqueues that come later: none is made", arguments: EngineKind.allCases)
    func over(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { try await nothingLater($0.queue) }
    }

    @Test("is over for those of the engine for tests, too")
    func overInMemory() async throws {
        try await nothingLater(try JobQueue.testing())
    }
}
