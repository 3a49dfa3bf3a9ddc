// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CoreMetrics
import SpanQueueTelemetry

/// What recording costs, and looking up what to record into.
struct Recording {
    private let calls = 5_000_000
    private let registry = MetricsRegistry()

    func run() throws {
        let family = try registry.counter("jobs_total", help: "Jobs.", labels: ["queue"])
        let counter = family.child("default")
        measure("counter increment", aim: 6) { _ in counter.increment() }
        let floating = try registry.floatingCounter("busy_seconds_total", help: "Busy.", unit: "seconds").child()
        measure("floating counter increment") { _ in floating.increment(by: 0.5) }
        let gauge = try registry.gauge("depth", help: "Depth.").child()
        measure("gauge set") { gauge.set(Double($0)) }
        try histograms()
        measure("child lookup", calls: 500_000) { _ in _ = family.child("default") }
        let bridged = Counter(label: "app.requests", factory: SwiftMetricsFactory(registry: registry))
        measure("swift-metrics counter") { _ in bridged.increment() }
    }

    private func histograms() throws {
        let histogram = try registry.histogram(
            "job_seconds", help: "Runs.", unit: "seconds", labels: ["queue", "job_type", "outcome"],
            buckets: MetricBuckets.jobSeconds, exemplars: true
        ).child("default", "email:welcome", "completed")
        // Spread over all buckets, so that the search cannot be predicted.
        let values = (0..<1_024).map { _ in Double.random(in: 0...1) * [0.01, 1, 100, 4_000][Int.random(in: 0...3)] }
        let sampled = ExemplarSource(traceID: .random(), spanID: .random(), isSampled: true)
        let unsampled = ExemplarSource(traceID: .random(), spanID: .random(), isSampled: false)
        measure("histogram record", aim: 20) { histogram.record(values[$0 & 1_023]) }
        measure("histogram record, sampled span", aim: 20) { histogram.record(values[$0 & 1_023], exemplar: sampled) }
        measure("histogram record, unsampled span", aim: 20) {
            histogram.record(values[$0 & 1_023], exemplar: unsampled)
        }
    }

    @inline(__always)
    private func measure(_ name: String, calls: Int? = nil, aim: Double? = nil, _ body: (Int) -> Void) {
        let calls = calls ?? self.calls
        Measurement(calls: calls) { for index in 0..<calls { body(index) } }.report(name, aimNanoseconds: aim)
    }
}
