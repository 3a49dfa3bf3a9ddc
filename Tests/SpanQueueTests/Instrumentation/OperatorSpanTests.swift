// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry
import SpanQueueTesting
import Testing

@testable import SpanQueue

@Suite("Spans of what people do")
struct OperatorSpanTests {
    @Test("say who did it, where that is known, and link the job's creation")
    func names() async throws {
        let (telemetry, spans) = CollectedSpans.telemetry()
        let queue = try JobQueue(engine: .inMemory(), telemetry: telemetry)
        let job = try await queue.enqueue(type: "t", payload: [], .delay(.seconds(60)))
        _ = try await queue.perform(.redrive, on: job.id, in: nil, by: "ada@laptop")
        _ = try await queue.perform(.cancel(reason: "why"), on: job.id, in: "default", by: "bob")
        try await queue.remove(job.id)
        let exported = await spans()
        let acts = ["redrive", "cancel", "remove"].flatMap(exported.of)
        #expect(acts.map { $0.attributes["spanq.by"] } == [.string("ada@laptop"), .string("bob"), nil])
        let creation = try #require(exported.of("enqueue").first).context.spanID
        #expect(acts.allSatisfy { $0.links.map(\.context.spanID) == [creation] })
    }
}
