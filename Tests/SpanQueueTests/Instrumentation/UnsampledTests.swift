// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry
import SpanQueueTesting
import Testing

@testable import SpanQueue

@Suite("Jobs of traces that are not sampled")
struct UnsampledTests {
    private struct Failure: Error {}

    private static func run(
        _ telemetry: JobTelemetry, engine: InMemoryEngine = InMemoryEngine(),
        _ types: (String, [EnqueueOption])...
    ) async throws {
        let queue = try JobQueue(engine: EngineSource { _ in engine }, telemetry: telemetry)
        let worker = try Worker(queue, WorkerConfiguration(concurrency: 1, queues: ["q": 1]))
        try worker.handle("good") { _, _ in }
        try worker.handle("bad") { _, _ in throw Failure() }
        for (type, options) in types {
            try await queue.enqueue(EnqueueRequest(type: type, payload: [], options: [.queue("q")] + options))
        }
        _ = try await worker.runOnce()
    }

    @Test("every span that is not made is counted as dropped")
    func dropped() async throws {
        let (telemetry, spans) = CollectedSpans.telemetry(.alwaysOff)
        try await Self.run(telemetry, ("good", []))
        // Enqueue, claim, wait, attempt, settlement.
        #expect(telemetry.tracer?.startedSpans == StartedSpans(dropped: 5))
        #expect(await spans().isEmpty)
    }

    @Test("the enqueue comes with the first attempt that fails, and not again with the next")
    func enqueueOnce() async throws {
        let (telemetry, spans) = CollectedSpans.telemetry(.alwaysOff)
        let queue = try JobQueue(engine: .inMemory(), telemetry: telemetry)
        let worker = try Worker(queue, WorkerConfiguration(concurrency: 1, queues: ["q": 1]))
        try worker.handle("bad") { _, _ in throw JobError.retry(after: .zero) }
        try await queue.enqueue(
            EnqueueRequest(type: "bad", payload: [], options: [.queue("q"), .maxRetries(2)]))
        while try await queue.counts(of: ["q"]).first?[.dead] != 1 { _ = try await worker.runOnce() }
        let exported = await spans()
        #expect(exported.of("process").count == 3 && exported.of("wait").count == 3)
        #expect(exported.of("enqueue").count == 1)
        #expect(exported.keptBecause == ["error"])
    }

    @Test("the messaging metrics say what failed, and no time is recorded where nothing ran")
    func errorTypes() async throws {
        let telemetry = JobTelemetry(messagingMetrics: true)
        try await Self.run(telemetry, ("good", []), ("bad", [.maxRetries(0)]), ("unheard", []))
        let metrics = telemetry.metrics
        let durations = ["", "Failure", "unknown_job_type"].map {
            metrics.series(metrics.processDuration, "process", "q", $0).value.count
        }
        #expect(durations == [1, 1, 0])
        #expect(metrics.process.child("q", "unheard", "retried").value.count == 0)
        #expect(metrics.attempts.child("q", "unheard", "retried").value == 1)
    }

    @Test("an enqueue that fails, and a claim, say why in the messaging metrics")
    func failedCalls() async throws {
        let telemetry = JobTelemetry(messagingMetrics: true)
        let engine = InMemoryEngine()
        let queue = try JobQueue(engine: EngineSource { _ in engine }, telemetry: telemetry)
        let worker = try Worker(queue, WorkerConfiguration(concurrency: 1, queues: ["q": 1]))
        try worker.handle("good") { _, _ in }
        try await queue.connect()
        await queue.shutdown()
        await #expect(throws: SpanQueueError.self) { try await queue.enqueue(type: "good", payload: [], .queue("q")) }
        await #expect(throws: SpanQueueError.self) { try await worker.runOnce() }
        let metrics = telemetry.metrics
        #expect(metrics.series(metrics.sentMessages, "enqueue", "q", "closed").value == 1)
        #expect(metrics.series(metrics.operationDuration, "enqueue", "q", "closed").value.count == 1)
        #expect(metrics.series(metrics.operationDuration, "claim", "q", "closed").value.count == 1)
    }
}
