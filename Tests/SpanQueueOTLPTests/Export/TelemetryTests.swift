// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import ServiceLifecycle
import SpanQueueCurl
import Testing
import Tracing

@testable import SpanQueueOTLP
@testable import SpanQueueTelemetry

@Suite("Telemetry as a service", .enabled(if: OTLPCheck.python != nil))
struct TelemetryTests {
    private func configuration(_ collector: HostileCollector, _ mode: String) -> TelemetryConfiguration {
        let (configuration, warnings) = TelemetryConfiguration.fromEnvironment([
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.base(mode), "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        ])
        #expect(warnings.isEmpty)
        return configuration
    }

    @Test(
        "all three signals arrive at the end, whether the group stops or the task is cancelled",
        arguments: [true, false])
    func lastExport(isGraceful: Bool) async throws {
        let collector = try HostileCollector()
        let telemetry = Telemetry(configuration(collector, "ok")) { Samples.snapshot }
        let group = ServiceGroup(services: [telemetry], logger: Logger(label: "test"))
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await group.run() }
            telemetry.tracer.startSpan("s").end()
            telemetry.logProcessor?.submit(LogRecordData(.info, "hello"))
            try await Task.sleep(for: .milliseconds(50))
            if isGraceful { await group.triggerGracefulShutdown() } else { tasks.cancelAll() }
            while let result = await tasks.nextResult() { if isGraceful { try result.get() } }
        }
        let requests = try await collector.requests()
        #expect(Set(requests.map { $0.path.split(separator: "/").last }) == ["traces", "metrics", "logs"])
        #expect(requests.count == 3 && requests.allSatisfy { $0.problem == nil && $0.items > 0 })
        #expect(await telemetry.flushResult(within: .seconds(1)) != .timedOut)
    }

    @Test(
        "a collector that hangs, or is not there, keeps no process from ending within five seconds",
        arguments: ["hang", "503", "drip-headers"])
    func shutdownIsBounded(_ mode: String) async throws {
        let collector = try HostileCollector()
        let telemetry = Telemetry(configuration(collector, mode)) { Samples.snapshot }
        let clock = ContinuousClock()
        var start = clock.now
        await withTaskGroup { group in
            group.addTask { try? await telemetry.run() }
            // Several batches: one is on its way, the others wait.
            for _ in 0..<2_000 { telemetry.tracer.startSpan("s").end() }
            try? await Task.sleep(for: .milliseconds(100))
            start = clock.now
            group.cancelAll()
        }
        #expect(clock.now - start < Crowd.allows(.seconds(5)))
        let statistics = try #require(telemetry.statistics.signals[.traces])
        #expect(statistics.droppedItems + statistics.failedItems == 2_000 && statistics.queueSize == 0)
    }

    @Test("a handler's withSpan joins its job's trace, logs the ids, and records what it throws")
    func handler() async throws {
        let fixture = TracerFixture()
        let logs = CollectingExporter<LogRecordData>()
        let processor = BatchProcessor(exporter: logs)
        let tracer = DistributedTracer(fixture.tracer)
        let attempt = fixture.tracer.startSpan("process q", kind: .consumer)
        var logger = Logger(label: "app", factory: { OTLPLogHandler(label: $0, processor: processor) })
        logger[metadataKey: "job"] = ["id": "1", "tags": ["a", "b"]]
        struct Broken: Error {}
        ServiceContext.withValue(attempt.context.serviceContext(span: attempt)) {
            try? tracer.withSpan("inner", ofKind: .client) { span in
                span.attributes["a"] = 1
                span.updateAttributes { $0["b"] = ["x", "y"] }
                logger.error("failed", metadata: ["n": "1"])
                #expect(Logger.MetadataProvider.spanQueueTrace.get()["trace_id"] == "\(attempt.context.traceID)")
                throw Broken()
            }
            tracer.activeSpan(identifiedBy: ServiceContext.current ?? .topLevel)?.span.set("by", to: "handler")
        }
        attempt.end()
        let spans = await fixture.exported()
        _ = await processor.flush(within: .seconds(1))
        let record = try #require(logs.items.first)
        try #require(spans.map(\.name) == ["inner", "process q"])
        #expect(spans[0].parent == attempt.context.spanID && !spans[0].isParentRemote && spans[0].kind == .client)
        #expect(spans[0].attributes["a"] == 1 && spans[0].attributes["b"] == .strings(["x", "y"]))
        #expect(spans[0].status == .error("") && spans[0].events.map(\.name) == ["exception"])
        #expect(spans[1].attributes["by"] == "handler" && spans[1].status == .unset)
        #expect(record.context?.spanID == spans[0].context.spanID && record.severity == .error)
        #expect(record.attributes["job.id"] == "1" && record.attributes["job.tags"] == .strings(["a", "b"]))
    }

    @Test("a job's logger outside the task still names its trace")
    func loggerOutside() async throws {
        let logs = CollectingExporter<LogRecordData>()
        let processor = BatchProcessor(exporter: logs)
        let trace = TraceContext.root()
        var logger = Logger(label: "app", factory: { OTLPLogHandler(label: $0, processor: processor) })
        logger[metadataKey: "trace_id"] = "\(trace.traceID)"
        logger[metadataKey: "span_id"] = "\(trace.spanID)"
        logger.info("hello")
        _ = await processor.flush(within: .seconds(1))
        #expect(logs.items.first?.context?.traceID == trace.traceID)
        #expect(logs.items.first?.attributes["trace_id"] == nil)
    }

    @Test("headers read from a carrier make the parent a remote one, for the first span only")
    func remote() async throws {
        let fixture = TracerFixture()
        let tracer = DistributedTracer(fixture.tracer)
        var context = ServiceContext.topLevel
        tracer.extract(["traceparent": TraceContext.root().traceParent], into: &context, using: Carrier())
        tracer.withSpan("outer", context: context) { _ in tracer.withSpan("inner") { _ in } }
        #expect(await fixture.exported().map(\.isParentRemote) == [false, true])
    }
}

private struct Carrier: Extractor {
    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
}
