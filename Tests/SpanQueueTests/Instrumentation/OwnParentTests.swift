// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry
import SpanQueueTesting
import Testing
import Tracing

@testable import SpanQueue

@Suite("Jobs of one call that each have a span of their own above them")
struct OwnParentTests {
    private func request(below parent: TraceContext?) -> EnqueueRequest {
        var request = EnqueueRequest(type: "t", payload: [])
        request.parent = parent
        return request
    }

    private func sampled() -> TraceContext { TraceContext(traceID: .random(), spanID: .random(), flags: 1) }

    @Test("stand in its trace, below it, and the others below what is current")
    func parents() async throws {
        let (telemetry, spans) = CollectedSpans.telemetry()
        let queue = try JobQueue(engine: .inMemory(), telemetry: telemetry)
        let (first, second, current) = (sampled(), sampled(), sampled())
        let receipts = try await ServiceContext.withValue(current.serviceContext()) {
            try await queue.enqueue([request(below: first), request(below: nil), request(below: second)])
                .map { try $0.get() }
        }
        let parents = [first, current, second]
        #expect(receipts.map(\.traceID) == parents.map(\.traceID))
        let created = await spans().of("create")
        #expect(created.map(\.context.traceID) == parents.map(\.traceID))
        #expect(created.map(\.parent) == parents.map(\.spanID))
        for (receipt, parent) in zip(receipts, parents) {
            #expect(try await queue.job(receipt.id)?.message.parentSpanID == parent.spanID)
        }
        #expect(await spans().of("enqueue").map(\.parent) == [current.spanID])
    }

    @Test("so does one that is alone")
    func alone() async throws {
        let (telemetry, spans) = CollectedSpans.telemetry()
        let queue = try JobQueue(engine: .inMemory(), telemetry: telemetry)
        let parent = sampled()
        let receipt = try await queue.enqueue(request(below: parent))
        #expect(receipt.traceID == parent.traceID)
        #expect(await spans().of("enqueue").map(\.parent) == [parent.spanID])
    }
}
