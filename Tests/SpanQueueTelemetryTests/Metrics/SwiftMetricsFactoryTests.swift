// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CoreMetrics
import Testing

@testable import SpanQueueTelemetry

@Suite("The backend for swift-metrics")
struct SwiftMetricsFactoryTests {
    let registry = MetricsRegistry()

    private var factory: SwiftMetricsFactory { SwiftMetricsFactory(registry: registry) }

    /// The sample lines of the page, without the registry's own.
    private var lines: [String] {
        PageFixture.page(registry.snapshot(), .text).split(separator: "\n").map(String.init)
            .filter { !$0.hasPrefix("#") && !$0.hasPrefix("spanq_") }
    }

    @Test("each kind becomes what the table says")
    func kinds() {
        let dimensions = [("path", "/"), ("method", "GET")]
        Counter(label: "app.requests", dimensions: dimensions, factory: factory).increment(by: 3)
        FloatingPointCounter(label: "app-joules", factory: factory).increment(by: 1.5)
        Meter(label: "app temperature", factory: factory).set(21.5)
        Gauge(label: "app.depth", factory: factory).record(4)
        #expect(
            lines == [
                "app_depth 4", "app_joules_total 1.5", "app_requests_total{method=\"GET\",path=\"/\"} 3",
                "app_temperature 21.5",
            ])
    }

    @Test("timers are histograms of seconds, recorders histograms")
    func histograms() {
        let timer = Timer(label: "app.latency", factory: factory)
        timer.recordNanoseconds(30_000_000)
        timer.recordMilliseconds(2_000)
        Recorder(label: "app.size", factory: factory).record(150)
        #expect(lines.contains("app_latency_seconds_bucket{le=\"0.025\"} 0"))
        #expect(lines.contains("app_latency_seconds_bucket{le=\"0.05\"} 1"))
        #expect(lines.contains("app_latency_seconds_sum 2.03"))
        #expect(lines.contains("app_size_bucket{le=\"100.0\"} 0"))
        #expect(lines.contains("app_size_bucket{le=\"200.0\"} 1"))
    }

    @Test("the order of dimensions makes no difference, other names make another series, and odd names are repaired")
    func dimensions() {
        Counter(label: "c", dimensions: [("b", "2"), ("a", "1")], factory: factory).increment()
        Counter(label: "c", dimensions: [("a", "1"), ("b", "2")], factory: factory).increment()
        let odd = [("le", "1"), ("x.y", "2"), ("__z", "3"), ("e", "")]
        Counter(label: "c", dimensions: odd, factory: factory).increment()
        Counter(label: "c", factory: factory).increment()
        Counter(label: "1é", factory: factory).increment()
        #expect(
            lines == [
                "_1__total 1", "c_total 1", "c_total{a=\"1\",b=\"2\"} 2",
                "c_total{label___z=\"3\",label_le=\"1\",x_y=\"2\"} 1",
            ])
    }

    @Test("a name that is taken gets its type behind it, and one that is taken again records nowhere and is counted")
    func taken() throws {
        _ = try registry.gauge("app_gauge", help: "", labels: ["x"])
        _ = try registry.gauge("app", help: "", labels: ["x"])
        Counter(label: "app", factory: factory).increment()
        Meter(label: "app", factory: factory).set(2)
        #expect(lines == ["app_counter_total 1"])
        let rejected = PageFixture.page(registry.snapshot(), .text)
        #expect(rejected.contains("spanq_metrics_rejected_total{family=\"swift_metrics\"} 1\n"))
    }

    @Test("OTLP keeps the names as the application wrote them")
    func originalNames() {
        Counter(label: "app.requests", dimensions: [("http.method", "GET")], factory: factory).increment()
        let family = registry.snapshot().families.first { $0.name == "app_requests" }
        #expect(family?.openTelemetryName == "app.requests")
        #expect(family?.points.first?.labels.pairs.first?.attributeName == "http.method")
    }

    @Test("a counter can be reset, and dimensions without end stay within the cap")
    func bounds() {
        let counter = Counter(label: "c", factory: factory)
        counter.increment(by: 5)
        counter.reset()
        counter.increment(by: 2)
        #expect(lines == ["c_total 2"])
        for index in 0..<3_000 { Counter(label: "d", dimensions: [("id", "\(index)")], factory: factory).increment() }
        #expect(lines.contains("d_total{overflow=\"_other_\"} 1000"))
        #expect(lines.count == 2_002)
    }
}
