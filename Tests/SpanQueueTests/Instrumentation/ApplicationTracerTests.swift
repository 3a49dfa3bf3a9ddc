// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import InMemoryTracing
import SpanQueueTelemetry
import SpanQueueTesting
import Synchronization
import Testing
import Tracing

@testable import SpanQueue

@Suite("Where the application has a tracer of its own")
struct ApplicationTracerTests {
    private struct Failure: Error {}

    private func finished(_ base: InMemoryTracer, _ name: String) -> [FinishedInMemorySpan] {
        base.finishedSpans.filter { $0.operationName == name }
    }

    @Test("a job's spans go there and hang together, from the caller's to the handler's and over a retry")
    func oneTrace() async throws {
        let foreign = HeaderTracer()
        try await withTracer(foreign) {
            let queue = try JobQueue(engine: .inMemory(), telemetry: JobTelemetry())
            let worker = try Worker(queue, WorkerConfiguration(concurrency: 1, queues: ["q": 1]))
            try worker.handle("t") { _, context in
                try withSpan("inner") { _ in
                    if context.attempt == 1 { throw JobError.retry(after: .zero) }
                }
            }
            let receipt = try await withSpan("request") { _ in
                try await queue.enqueue(type: "t", payload: [], .queue("q"))
            }
            while try await queue.counts(of: ["q"]).first?[.completed] != 1 { _ = try await worker.runOnce() }
            let spans = foreign.base.finishedSpans
            #expect(foreign.base.activeSpans.isEmpty)
            #expect(Set(spans.map(\.traceID)) == ["\(receipt.traceID)"])
            let request = try #require(finished(foreign.base, "request").first)
            let enqueue = try #require(finished(foreign.base, "enqueue q").first)
            #expect(enqueue.parentSpanID == request.spanID && enqueue.kind == .producer)
            let record = try #require(try await queue.job(receipt.id))
            #expect("\(record.message.trace.spanID)" == enqueue.spanID)
            #expect(finished(foreign.base, "wait q").map(\.parentSpanID) == [enqueue.spanID, enqueue.spanID])
            let attempts = finished(foreign.base, "process q")
            #expect(attempts.map(\.parentSpanID) == [enqueue.spanID, enqueue.spanID])
            #expect(attempts.map { $0.status?.code } == [.error, nil])
            #expect(attempts.allSatisfy { $0.kind == .consumer && $0.links.count == 1 })
            #expect(finished(foreign.base, "inner").map(\.parentSpanID) == attempts.map(\.spanID))
            #expect(finished(foreign.base, "retry q").first?.parentSpanID == attempts[0].spanID)
            #expect(finished(foreign.base, "complete q").first?.parentSpanID == attempts[1].spanID)
            #expect(spans.count == 10)
        }
    }

    @Test("so do those of many jobs and of a lost attempt, and a refused enqueue ends its span")
    func others() async throws {
        let foreign = HeaderTracer()
        try await withTracer(foreign) {
            let clock = ManualClock()
            let engine = InMemoryEngine(clock: clock)
            let telemetry = JobTelemetry()
            let queue = try JobQueue(engine: EngineSource { _ in engine }, telemetry: telemetry)
            let request = EnqueueRequest(type: "t", payload: [], options: [.queue("q")])
            _ = try await queue.enqueue([request, request])
            let created = finished(foreign.base, "create q")
            #expect(created.count == 2)

            _ = try await engine.claimAll([ClaimRequest(queue: "q", limit: 1, lease: .seconds(1), worker: "dead")])
            clock.advance(by: .seconds(5))
            let lost = try #require(try await engine.reclaim(ReclaimRequest(queue: "q")).first)
            try #require(ApplicationSpans(telemetry, worker: "heir")).reclaimed(lost, from: 0)
            let synthetic = try #require(finished(foreign.base, "process q").first)
            #expect(synthetic.parentSpanID == "\(try #require(lost.message).trace.spanID)")
            #expect(created.map(\.spanID).contains(synthetic.parentSpanID ?? ""))
            #expect(synthetic.status?.code == .error)
            #expect(finished(foreign.base, "reclaim q").first?.parentSpanID == synthetic.parentSpanID)

            var own = request
            let parent = TraceContext.root()
            own.parent = parent
            _ = try await queue.enqueue([own])
            #expect(finished(foreign.base, "create q").last?.parentSpanID == "\(parent.spanID)")

            await queue.shutdown()
            await #expect(throws: SpanQueueError.self) { try await queue.enqueue(request) }
            #expect(finished(foreign.base, "enqueue q").last?.status?.code == .error)
            #expect(foreign.base.activeSpans.isEmpty)
        }
    }

    @Test("a tracer of SpanQueue's that exports goes before it, and SpanQueue's own bridge is none")
    func precedence() async throws {
        let (telemetry, _) = CollectedSpans.telemetry()
        withTracer(HeaderTracer()) { #expect(ApplicationSpans(telemetry) == nil) }
        withTracer(DistributedTracer(SpanQueueTracer())) { #expect(ApplicationSpans(JobTelemetry()) == nil) }
        #expect(ApplicationSpans(JobTelemetry()) == nil)
    }
}

/// The tracer in memory of swift-distributed-tracing, with ids and headers as W3C wants them.
private struct HeaderTracer: Tracer {
    let base = InMemoryTracer(
        idGenerator: InMemoryTracer.IDGenerator(
            nextTraceID: { "\(TraceID.random())" }, nextSpanID: { "\(SpanID.random())" }))

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> InMemorySpan {
        base.startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID,
            line: line)
    }

    func activeSpan(identifiedBy context: ServiceContext) -> InMemorySpan? { base.activeSpan(identifiedBy: context) }
    func forceFlush() {}

    func inject<Carrier, Inject>(_ context: ServiceContext, into carrier: inout Carrier, using injector: Inject)
    where Inject: Injector, Inject.Carrier == Carrier {
        guard let span = context.inMemorySpanContext else { return }
        injector.inject("00-\(span.traceID)-\(span.spanID)-01", forKey: "traceparent", into: &carrier)
    }

    func extract<Carrier, Extract>(_ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract)
    where Extract: Extractor, Extract.Carrier == Carrier {
        guard let parts = extractor.extract(key: "traceparent", from: carrier)?.split(separator: "-"), parts.count == 4
        else { return }
        context.inMemorySpanContext = InMemorySpanContext(
            traceID: String(parts[1]), spanID: String(parts[2]), parentSpanID: nil)
    }
}
