// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueTelemetry

@Suite("Series")
struct SeriesTests {
    let registry = MetricsRegistry()

    private func own(_ name: String, _ family: String, in registry: MetricsRegistry) -> MetricValue? {
        registry.snapshot().families.first { $0.name == name }?.points
            .first { $0.labels.pairs == [MetricLabel("family", family)] }?.value
    }

    @Test("past the cap everything goes to one overflow child and is counted")
    func cap() throws {
        var configuration = MetricsRegistryConfiguration()
        configuration.maximumSeriesPerFamily = 3
        let registry = MetricsRegistry(configuration)
        let family = try registry.counter("c_total", help: "", labels: ["a", "b"])
        for index in 0..<10 { family.child("\(index)", "x").increment() }
        #expect(family.seriesCount == 4)
        #expect(family.child("_other_", "_other_").value == 7)
        #expect(family.child("2", "x").value == 1)
        #expect(own("spanq_metrics_overflow", "c", in: registry) == .integer(8))
        let labels = registry.snapshot().families.first { $0.name == "c" }?.points.map { $0.labels.pairs[0].value }
        #expect(labels == ["0", "1", "2", "_other_"])
    }

    @Test("two thousand series are the default cap")
    func defaultCap() throws {
        let family = try registry.gauge("g", help: "", labels: ["a"])
        for index in 0..<5_000 { family.child("\(index)").set(1) }
        #expect(family.seriesCount == 2_001)
    }

    @Test("a label that really reads _other_ shares the overflow child")
    func legitimateOther() throws {
        var configuration = MetricsRegistryConfiguration()
        configuration.maximumSeriesPerFamily = 1
        let family = try MetricsRegistry(configuration).counter("c", help: "", labels: ["a"])
        let child = family.child("_other_")
        #expect(family.child("x") === child)
        #expect(family.seriesCount == 1)
    }

    @Test("any text is a label's value; bytes that are no UTF-8 are repaired")
    func values() throws {
        let family = try registry.counter("c", help: "", labels: ["a"])
        family.child("").increment()
        family.child("\u{0}\"\\\n😀").increment()
        family.child(bytes: [[0x61, 0xFF, 0xFE, 0x62]]).increment()
        #expect(family.child("a\u{FFFD}\u{FFFD}b").value == 1)
        #expect(family.child("").value == 1)
        #expect(family.seriesCount == 3)
    }

    @Test("a wrong number of label values is padded or cut, and counted")
    func arity() throws {
        let family = try registry.counter("c", help: "", labels: ["a", "b"])
        #expect(family.child("x") === family.child("x", ""))
        #expect(family.child("x", "y", "z") === family.child("x", "y"))
        #expect(own("spanq_metrics_rejected", "c", in: registry) == .integer(2))
    }

    @Test("a counter refuses what would let it fall or spoil it, and counts that")
    func refused() throws {
        let counter = try registry.counter("c", help: "").child()
        counter.increment(by: -1)
        counter.increment(by: 0)
        counter.increment(by: 3)
        let floating = try registry.floatingCounter("f", help: "").child()
        for amount in [-0.5, .nan, .infinity, -.infinity, 1.5] { floating.increment(by: amount) }
        let histogram = try registry.histogram("h", help: "", buckets: [0, 1]).child()
        for value in [-0.5, .nan, .infinity, -.infinity, 0.5, -0.0] { histogram.record(value) }
        #expect(counter.value == 3)
        #expect(floating.value == 1.5)
        #expect(histogram.value.bucketCounts == [1, 1, 0])
        #expect(histogram.value.sum == 0.5)
        #expect(own("spanq_metrics_rejected", "c", in: registry) == .integer(1))
        #expect(own("spanq_metrics_rejected", "f", in: registry) == .integer(4))
        #expect(own("spanq_metrics_rejected", "h", in: registry) == .integer(4))
    }

    @Test("a value at a bound falls into that bound's bucket, whatever the bounds")
    func search() throws {
        var generator = SystemRandomNumberGenerator()
        for size in 1...40 {
            let bounds = Set((0..<size).map { _ in Double(Int.random(in: 0...100, using: &generator)) }).sorted()
            let histogram = try registry.histogram("h\(size)", help: "", buckets: bounds).child()
            var expected = [UInt64](repeating: 0, count: bounds.count + 1)
            for value in stride(from: 0.0, through: 101, by: 0.5) {
                histogram.record(value)
                expected[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
            }
            #expect(histogram.value.bucketCounts == expected)
        }
    }

    @Test("durations are recorded in seconds")
    func durations() throws {
        let histogram = try registry.histogram("h", help: "", buckets: MetricBuckets.jobSeconds).child()
        histogram.record(.milliseconds(1_500))
        #expect(histogram.value.sum == 1.5)
    }

    @Test("a gauge takes any value")
    func gauges() throws {
        let gauge = try registry.gauge("g", help: "").child()
        gauge.set(.nan)
        #expect(gauge.value.isNaN)
        gauge.set(-.infinity)
        #expect(gauge.value == -.infinity)
        gauge.set(7)
        gauge.decrement()
        #expect(gauge.value == 6)
    }
}
