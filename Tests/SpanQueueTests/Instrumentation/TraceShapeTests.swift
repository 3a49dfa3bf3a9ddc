// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry
import SpanQueueTesting
import Testing
import Tracing

@testable import SpanQueue

@Suite("A trace that is rebuilt from the record")
struct TraceShapeTests {
    @Test(
        "has the ids that a worker with that window exports",
        arguments: [Duration.zero, .minutes(15), .seconds(Int64.max)])
    func ids(window: Duration) async throws {
        let (telemetry, spans) = CollectedSpans.telemetry(traceWindow: window)
        let queue = try JobQueue(engine: .inMemory(), telemetry: telemetry)
        let worker = try Worker(queue)
        try worker.handle("a") { _, _ in }
        let id = try await queue.enqueue(type: "a", payload: []).id
        _ = try await worker.runOnce()
        let record = try #require(try await queue.job(id))
        let rebuilt = JobTrace(record, now: try await queue.engine.now(), traceWindow: window)
        let exported = await spans()
        for operation in ["process", "complete", "wait"] {
            let (ours, theirs) = (rebuilt.spans.of(operation), exported.of(operation))
            #expect(ours.count == 1 && ours.map(\.context.spanID) == theirs.map(\.context.spanID), "\(operation)")
            #expect(ours.map(\.context.traceID) == theirs.map(\.context.traceID), "\(operation)")
            #expect(ours.map(\.parent) == theirs.map(\.parent), "\(operation)")
        }
        #expect((rebuilt.spans.of("process").first?.parent == nil) == (window == .zero))
    }

    @Test("names the span that the enqueue was made in, alone and among others; where there was none, none")
    func callers() async throws {
        let (telemetry, spans) = CollectedSpans.telemetry()
        let queue = try JobQueue(engine: .inMemory(), telemetry: telemetry)
        let caller = TraceContext.root()
        var ids = try await ServiceContext.withValue(caller.serviceContext()) {
            let results = try await queue.enqueue([EnqueueRequest(type: "a", payload: [])])
            return [try await queue.enqueue(type: "a", payload: []).id, try results[0].get().id]
        }
        ids.append(try await queue.enqueue(type: "a", payload: []).id)
        for (id, parent) in zip(ids, [caller.spanID, caller.spanID, nil]) {
            let record = try #require(try await queue.job(id))
            let span = try #require(JobTrace(record, now: try await queue.engine.now()).spans.first)
            #expect(span.parent == parent && span.isParentRemote == (parent != nil))
            #expect(await spans().first { $0.context.spanID == span.context.spanID }?.parent == parent)
        }
        // Without spans of its own the job stands where its caller does, and there is nothing above it to tell of.
        let plain = try JobQueue(engine: .inMemory(), telemetry: JobTelemetry())
        let receipt = try await ServiceContext.withValue(caller.serviceContext()) {
            try await plain.enqueue(type: "a", payload: [])
        }
        let message = try #require(try await plain.job(receipt.id)).message
        #expect(message.trace.spanID == caller.spanID && message.parentSpanID == nil)
    }
}
