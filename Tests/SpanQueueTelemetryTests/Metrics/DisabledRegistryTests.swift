// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import MetricsTestKit
import Synchronization
import Testing

@testable import SpanQueueTelemetry

@Suite("A registry that is off")
struct DisabledRegistryTests {
    private static func off() -> MetricsRegistryConfiguration {
        var configuration = MetricsRegistryConfiguration()
        configuration.isEnabled = false
        return configuration
    }

    @Test("series of every kind record nothing, leave no exemplars, count no rejections and tell no other backend")
    func records() throws {
        let backend = TestMetrics()
        var configuration = Self.off()
        configuration.exemplarFilter = .always
        configuration.mirror = backend
        let registry = MetricsRegistry(configuration)
        let source = ExemplarSource(.root())

        let counters = try registry.counter("c", help: "", labels: ["a"], exemplars: true)
        let counter = counters.child("x")
        counter.increment()
        counter.increment(by: 2)
        counter.increment(by: 3, exemplar: source)
        counter.increment(by: -1)
        #expect(counter.value == 0)
        #expect(counter.point().exemplar == nil)

        let amounts = try registry.floatingCounter("f", help: "", exemplars: true)
        let amount = amounts.child([])
        amount.increment(by: 1.5)
        amount.increment(by: 1.5, exemplar: source)
        amount.increment(by: -1)
        #expect(amount.value == 0)
        #expect(amount.point().exemplar == nil)

        let gauge = try registry.gauge("g", help: "").child([])
        gauge.set(4)
        gauge.increment()
        gauge.setToCurrentTime()
        #expect(gauge.value == 0)

        let histograms = try registry.histogram("h", help: "", buckets: [1, 2], exemplars: true)
        let histogram = histograms.child([])
        histogram.record(0.5)
        histogram.record(0.5, exemplar: source)
        histogram.record(.nan)
        #expect(histogram.value.count == 0)
        #expect(histogram.value.sum == 0)
        #expect(histogram.value.exemplars.allSatisfy { $0 == nil })

        for tally in [counters.tally, amounts.tally, histograms.tally] {
            let rejections = tally.rejected.load(ordering: .relaxed)
            #expect(rejections == 0)
        }
        #expect(backend.counters.isEmpty && backend.meters.isEmpty && backend.recorders.isEmpty)
    }

    @Test("its page is valid and has no metric, and no collector is asked")
    func page() async throws {
        let registry = MetricsRegistry(Self.off())
        try registry.counter("c", help: "").child([]).increment()
        let asked = Atomic(false)
        try registry.add(MetricsCollector(name: "redis") { _ in asked.store(true, ordering: .relaxed) })
        let snapshot = await registry.collect()
        #expect(snapshot.families.isEmpty)
        let wasAsked = asked.load(ordering: .relaxed)
        #expect(!wasAsked)
        let page = await registry.page(accept: "application/openmetrics-text")
        #expect(String(decoding: page.bytes, as: UTF8.self) == "# EOF\n")
    }

    @Test("a registry is on unless told otherwise")
    func standard() throws {
        #expect(MetricsRegistryConfiguration().isEnabled)
        #expect(MetricsRegistryConfiguration.alongsideApplication().isEnabled)
    }
}
