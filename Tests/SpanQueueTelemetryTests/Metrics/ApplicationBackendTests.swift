// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CoreMetrics
import MetricsTestKit
import NIOConcurrencyHelpers
import Testing

@testable import SpanQueueTelemetry

@Suite("Where the application has a metrics backend of its own")
struct ApplicationBackendTests {
    @Test("everything recorded goes there too, under its name and labels")
    func mirrored() throws {
        let backend = TestMetrics()
        let registry = withMetricsFactory(backend) { MetricsRegistry(.alongsideApplication()) }
        let labels = [MetricLabelName("queue", attributeName: "messaging.destination.name")]
        let counter = try registry.counter(
            "c_total", help: "", labels: labels, openTelemetryName: "messaging.c", exemplars: true
        ).child("q")
        counter.increment()
        counter.increment(by: 2)
        counter.increment(by: 3, exemplar: ExemplarSource(.root()))
        counter.increment(by: -1)
        let dimensions = [("messaging.destination.name", "q")]
        #expect(try backend.expectCounter("messaging.c", dimensions).totalValue == 6)
        #expect(counter.value == 6)

        let seconds = try registry.floatingCounter("s_seconds", help: "", unit: "seconds").child()
        seconds.increment(by: 1.5)
        seconds.increment(by: 1, exemplar: ExemplarSource(.root()))
        #expect(seconds.value == 2.5)

        let gauge = try registry.gauge("g", help: "").child()
        gauge.set(5)
        gauge.increment(by: 2)
        gauge.decrement()
        #expect(try backend.expectMeter("g").values.last == 6)

        let histogram = try registry.histogram("h_seconds", help: "", unit: "seconds", buckets: [1, 2]).child()
        histogram.record(1.5)
        histogram.record(Duration.milliseconds(500))
        histogram.record(3, exemplar: ExemplarSource(.root()))
        histogram.record(.nan)
        #expect(try backend.expectRecorder("h_seconds").values == [1.5, 0.5, 3])
    }

    @Test("what came from swift-metrics does not go back, not even through a multiplexer")
    func noLoop() throws {
        let slot = NIOLockedValueBox<MetricsRegistry?>(nil)
        let own = LateFactory(registry: slot)
        let registry = withMetricsFactory(MultiplexMetricsHandler(factories: [own])) {
            MetricsRegistry(.alongsideApplication())
        }
        slot.withLockedValue { $0 = registry }
        try registry.counter("c", help: "").child().increment()
        #expect(registry.snapshot().families.first { $0.name == "c" }?.points.first?.value == .integer(1))
    }

    @Test("where there is none, or it is SpanQueue's, nothing is passed on")
    func none() {
        #expect(MetricsRegistryConfiguration.alongsideApplication().mirror == nil)
        withMetricsFactory(SwiftMetricsFactory(registry: MetricsRegistry())) {
            #expect(MetricsRegistryConfiguration.alongsideApplication().mirror == nil)
        }
    }
}

/// The bridge to a registry that is made after it, as a multiplexer of the application may hold one.
private struct LateFactory: MetricsFactory {
    let registry: NIOLockedValueBox<MetricsRegistry?>

    private var bridge: SwiftMetricsFactory {
        SwiftMetricsFactory(registry: registry.withLockedValue { $0 } ?? MetricsRegistry())
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        bridge.makeCounter(label: label, dimensions: dimensions)
    }
    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        bridge.makeRecorder(label: label, dimensions: dimensions, aggregate: aggregate)
    }
    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        bridge.makeTimer(label: label, dimensions: dimensions)
    }
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}
