// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueTelemetry

@Suite("Registering families")
struct RegistrationTests {
    let registry = MetricsRegistry()

    private func code(_ body: () throws -> Void) -> MetricsError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? MetricsError)?.code
        }
    }

    @Test("the same shape gives the same family, with or without the suffix, whatever its help")
    func same() throws {
        let first = try registry.counter("jobs_total", help: "a", labels: ["queue"])
        let second = try registry.counter("jobs", help: "b", labels: ["queue"])
        #expect(first === second)
        #expect(first.child("q") === second.child("q"))
        #expect(registry.snapshot().families.first { $0.name == "jobs" }?.help == "a")
    }

    @Test("another kind, number, unit, labels or buckets is refused")
    func differentShape() throws {
        _ = try registry.counter("a_seconds_total", help: "", labels: ["x"])
        _ = try registry.histogram("h", help: "", buckets: [1, 2])
        #expect(code { _ = try registry.gauge("a_seconds", help: "", labels: ["x"]) } == .differentShape)
        #expect(code { _ = try registry.floatingCounter("a_seconds", help: "", labels: ["x"]) } == .differentShape)
        #expect(code { _ = try registry.counter("a_seconds", help: "", labels: ["y"]) } == .differentShape)
        #expect(code { _ = try registry.counter("a_seconds", help: "") } == .differentShape)
        #expect(
            code { _ = try registry.counter("a_seconds", help: "", unit: "seconds", labels: ["x"]) } == .differentShape)
        #expect(code { _ = try registry.histogram("h", help: "", buckets: [1, 3]) } == .differentShape)
    }

    @Test("names outside the data model are refused", arguments: ["", "1a", "a-b", "a b", "a.b", "é", "a\n", "_total"])
    func names(name: String) {
        // "_total" is a counter with no name at all.
        #expect(code { _ = try registry.counter(name, help: "") } == .invalidName)
    }

    @Test("names inside the data model are taken", arguments: ["a", "_", ":a:b", "A9_", "a_total_b"])
    func goodNames(name: String) throws {
        _ = try registry.gauge(name, help: "")
    }

    @Test("bad, reserved and repeated label names are refused")
    func labels() {
        for name in ["", "1", "a-b", "a:b", "é"] {
            let label = MetricLabelName(name)
            #expect(code { _ = try registry.counter("c", help: "", labels: [label]) } == .invalidLabelName)
        }
        for name in ["le", "quantile", "__name__", "__x"] {
            let label = MetricLabelName(name)
            #expect(code { _ = try registry.counter("c", help: "", labels: [label]) } == .reservedLabelName)
        }
        #expect(code { _ = try registry.counter("c", help: "", labels: ["a", "a"]) } == .duplicateLabelName)
    }

    @Test("bounds are finite, rising and not negative")
    func buckets() {
        for bounds: [Double] in [[], [2, 1], [1, 1], [-1, 1], [1, .infinity], [.nan], [1, .nan], [.nan, 1]] {
            #expect(code { _ = try registry.histogram("h", help: "", buckets: bounds) } == .invalidBuckets)
        }
    }

    @Test("two families cannot have samples of one name")
    func taken() throws {
        _ = try registry.gauge("h_count", help: "")
        #expect(code { _ = try registry.histogram("h", help: "", buckets: [1]) } == .nameTaken)
        _ = try registry.counter("c", help: "")
        #expect(code { _ = try registry.gauge("c_total", help: "") } == .nameTaken)
        #expect(code { _ = try registry.gauge("spanq_metrics_overflow_total", help: "") } == .nameTaken)
    }

    @Test("the name ends with the unit")
    func unit() throws {
        #expect(code { _ = try registry.gauge("age", help: "", unit: "seconds") } == .unitNotInName)
        #expect(code { _ = try registry.counter("age_total_seconds", help: "", unit: "bytes") } == .unitNotInName)
        _ = try registry.floatingCounter("cpu_seconds_total", help: "", unit: "seconds")
    }

    @Test("families have a maximum")
    func maximum() throws {
        var configuration = MetricsRegistryConfiguration()
        configuration.maximumFamilies = 2
        let registry = MetricsRegistry(configuration)
        _ = try registry.gauge("a", help: "")
        _ = try registry.gauge("b", help: "")
        #expect(code { _ = try registry.gauge("c", help: "") } == .tooManyFamilies)
        _ = try registry.gauge("a", help: "")
    }
}
