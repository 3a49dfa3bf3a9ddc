// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry
import SpanQueueTesting
import Synchronization
import Testing

@testable import SpanQueue

@Suite("A worker that loses its lease")
struct LostLeaseTests {
    @Test("exports what it did beside the lost attempt, and counts the lease once and the attempt not at all")
    func foundByHeartbeat() async throws {
        let clock = ManualClock()
        let engine = InMemoryEngine(clock: clock)
        let (telemetry, spans) = CollectedSpans.telemetry()
        let source = EngineSource { _ in engine }
        let queue = try JobQueue(engine: source, telemetry: telemetry)
        var configuration = WorkerConfiguration(concurrency: 1, queues: ["q": 1])
        configuration.lease = .seconds(1)
        let worker = try Worker(queue, configuration)
        let token = Mutex<FencingToken?>(nil)
        try worker.handle("t") { _, context in
            guard context.attempt == 1, token.withLock({ $0 == nil }) else { return }
            token.withLock { $0 = context.claim.reference.token }
            // Longer than two more heartbeats, whatever it is told.
            let end = ContinuousClock.now + .seconds(2)
            while ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(20)) }
        }
        try await queue.enqueue(type: "t", payload: [], .queue("q"))
        let run = Task { try await worker.runOnce() }
        try await until { token.withLock { $0 != nil } }
        // Another worker's reclaim, at a moment when no heartbeat has just extended the lease.
        var taken: [ReclaimedJob] = []
        while taken.isEmpty {
            clock.advance(by: .seconds(2))
            taken = try await engine.reclaim(ReclaimRequest(queue: "q"))
        }
        _ = try await run.value

        let lost = try #require(token.withLock { $0 })
        let attempt = try #require(await spans().of("process").first { $0.attributes["error.type"] == "lease_lost" })
        #expect(attempt.context.spanID == lost.lostSpanID(of: taken[0].reference.id))
        #expect(attempt.links.last?.context.spanID == lost.spanID(of: taken[0].reference.id))
        #expect(attempt.status != .unset)
        #expect(await spans().of("process").filter { $0.attributes["error.type"] == "lease_lost" }.count == 1)
        #expect(telemetry.metrics.lost.child("q").value == 1)
        #expect(telemetry.metrics.attempts.child("q", "t", "lost").value == 0, "the test's reclaim counts nothing")
        #expect(telemetry.metrics.attempts.child("q", "t", "completed").value == 1)
    }
}

private func until(_ condition: () -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(20)
    while !condition() {
        try #require(ContinuousClock.now < end, "it did not come about")
        try await Task.sleep(for: .milliseconds(5))
    }
}
