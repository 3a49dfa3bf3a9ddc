// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry
import SpanQueueTesting
import Testing

@testable import SpanQueue

@Suite("A trace that is rebuilt from the record")
struct TraceShapeTests {
    @Test(
        "has the ids that a worker of that mode exports", arguments: JobTelemetry.AttemptParent.allCases)
    func ids(mode: JobTelemetry.AttemptParent) async throws {
        let (telemetry, spans) = CollectedSpans.telemetry(attemptParent: mode)
        let queue = try JobQueue(engine: .inMemory(), telemetry: telemetry)
        let worker = try Worker(queue)
        try worker.handle("a") { _, _ in }
        let id = try await queue.enqueue(type: "a", payload: []).id
        _ = try await worker.runOnce()
        let record = try #require(try await queue.job(id))
        let rebuilt = JobTrace(record, now: try await queue.engine.now(), attemptParent: mode)
        let exported = await spans()
        for operation in ["process", "complete", "wait"] {
            let (ours, theirs) = (rebuilt.spans.of(operation), exported.of(operation))
            #expect(ours.count == 1 && ours.map(\.context.spanID) == theirs.map(\.context.spanID), "\(operation)")
            #expect(ours.map(\.context.traceID) == theirs.map(\.context.traceID), "\(operation)")
            #expect(ours.map(\.parent) == theirs.map(\.parent), "\(operation)")
        }
    }
}
