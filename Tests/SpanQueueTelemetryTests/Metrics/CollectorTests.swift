// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Synchronization
import Testing

@testable import SpanQueueTelemetry

@Suite("Collectors")
struct CollectorTests {
    let registry = MetricsRegistry()

    private struct Broken: Error {}

    private func value(_ name: String, _ snapshot: MetricsSnapshot, _ label: MetricLabel? = nil) -> MetricValue? {
        snapshot.families.first { $0.name == name }?.points
            .first { label == nil || $0.labels.pairs == [label] }?.value
    }

    private func success(_ name: String, _ snapshot: MetricsSnapshot) -> MetricValue? {
        value("spanq_collector_success", snapshot, MetricLabel("collector", name))
    }

    @Test("what collectors find stands beside the families, and each says that it succeeded")
    func finds() async throws {
        _ = try registry.gauge("own", help: "")
        try registry.add(
            MetricsCollector(name: "redis", successGauge: "scrape_success") { metrics in
                await Task.yield()
                try metrics.gauge("depth", help: "", labels: [MetricLabel("queue", "b")], value: 2)
                try metrics.gauge("depth", help: "", labels: [MetricLabel("queue", "a")], value: 1)
            })
        let snapshot = await registry.collect()
        #expect(value("own", snapshot) == .double(0))
        #expect(snapshot.families.first { $0.name == "depth" }?.points.map(\.value) == [.double(1), .double(2)])
        #expect(success("redis", snapshot) == .integer(1))
        #expect(value("scrape_success", snapshot) == .integer(1))
        #expect(snapshot.families.map(\.name) == snapshot.families.map(\.name).sorted())
    }

    @Test("one that throws or hangs is a 0 and costs the others nothing")
    func fails() async throws {
        let (stream, release) = AsyncStream<Void>.makeStream()
        try registry.add(MetricsCollector(name: "throws") { _ in throw Broken() })
        // Deaf to cancellation: it ends when the test says so.
        try registry.add(
            MetricsCollector(name: "hangs", deadline: .milliseconds(50)) { _ in
                let waiter = Task { for await _ in stream {} }
                await waiter.value
            })
        try registry.add(MetricsCollector(name: "works") { try $0.gauge("x", help: "", value: 1) })
        for _ in 0..<3 {
            let snapshot = await registry.collect()
            #expect(success("throws", snapshot) == .integer(0))
            #expect(success("hangs", snapshot) == .integer(0))
            #expect(success("works", snapshot) == .integer(1))
            #expect(value("x", snapshot) == .double(1))
        }
        release.finish()
    }

    @Test("a collector that hangs is not started again until it has come back, and then works again")
    func abandoned() async throws {
        let runs = Counted()
        let (stream, release) = AsyncStream<Void>.makeStream()
        try registry.add(
            MetricsCollector(name: "slow", deadline: .milliseconds(20)) { metrics in
                if runs.next() == 1 {
                    let waiter = Task { for await _ in stream {} }
                    await waiter.value
                }
                try metrics.gauge("x", help: "", value: 1)
            })
        for _ in 0..<5 { #expect(success("slow", await registry.collect()) == .integer(0)) }
        #expect(runs.count == 1)
        release.finish()
        while success("slow", await registry.collect()) != .integer(1) { await Task.yield() }
        #expect(runs.count >= 2)
    }

    @Test("scrapes at the same time share one run")
    func shared() async throws {
        let runs = Counted()
        try registry.add(
            MetricsCollector(name: "shared") { metrics in
                try metrics.gauge("run", help: "", value: Double(runs.next()))
                try await Task.sleep(for: .milliseconds(100))
            })
        async let first = registry.collect()
        async let second = registry.collect()
        let values = await [value("run", first), value("run", second)]
        #expect(values == [.double(1), .double(1)])
    }

    @Test("one that keeps its last finding shows it when it fails, and still says that it failed")
    func keepsLast() async throws {
        let runs = Counted()
        try registry.add(
            MetricsCollector(name: "flaky", keepsLast: true) { metrics in
                if runs.next() > 1 { throw Broken() }
                try metrics.gauge("x", help: "", value: 5)
            })
        #expect(success("flaky", await registry.collect()) == .integer(1))
        let snapshot = await registry.collect()
        #expect(success("flaky", snapshot) == .integer(0))
        #expect(value("x", snapshot) == .double(5))
    }

    @Test("a family that clashes with another is left out, and its collector has failed")
    func clash() async throws {
        _ = try registry.gauge("x", help: "")
        try registry.add(MetricsCollector(name: "clash") { try $0.gauge("x", help: "", value: 1) })
        try registry.add(
            MetricsCollector(name: "twice") {
                try $0.gauge("y", help: "", value: 1)
                try $0.gauge("y", help: "", value: 2)
            })
        let snapshot = await registry.collect()
        #expect(snapshot.families.filter { $0.name == "x" }.count == 1)
        #expect(value("x", snapshot) == .double(0))
        #expect(success("clash", snapshot) == .integer(0))
        #expect(success("twice", snapshot) == .integer(0))
        #expect(throws: MetricsError.self) { try registry.add(MetricsCollector(name: "clash") { _ in }) }
    }

    @Test("labels in another order, or empty, are no other series")
    func sameSeries() throws {
        var metrics = CollectedMetrics()
        let (a, b) = (MetricLabel("a", "1"), MetricLabel("b", "2"))
        try metrics.gauge("x", help: "", labels: [a, b], value: 1)
        try metrics.gauge("x", help: "", labels: [a], value: 1)
        #expect(throws: MetricsError.self) { try metrics.gauge("x", help: "", labels: [b, a], value: 1) }
        let empty = MetricLabel("c", "")
        #expect(throws: MetricsError.self) { try metrics.gauge("x", help: "", labels: [a, empty], value: 1) }
        let reserved = MetricLabel("le", "1")
        #expect(throws: MetricsError.self) { try metrics.gauge("x", help: "", labels: [reserved], value: 1) }
        #expect(throws: MetricsError.self) { try metrics.counter("y", help: "", value: -1) }
        #expect(throws: MetricsError.self) { try metrics.counter("x", help: "", value: 1) }
    }

    private final class Counted: Sendable {
        private let runs = Atomic<Int>(0)
        var count: Int { runs.load(ordering: .relaxed) }
        func next() -> Int { runs.wrappingAdd(1, ordering: .relaxed).newValue }
    }
}
