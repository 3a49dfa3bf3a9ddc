// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry

/// What a page of 10,000 series costs, in both formats.
struct Scraping {
    private static let aimNanoseconds = 10e6

    func run() throws {
        let counters = MetricsRegistry()
        for family in 0..<10 {
            let family = try counters.counter("jobs\(family)_total", help: "Jobs.", labels: ["queue", "job_type"])
            for index in 0..<1_000 {
                family.child("queue-\(index % 100)", "email:welcome-\(index)").increment(by: index)
            }
        }
        report("10,000 counters", counters)
        let histograms = MetricsRegistry()
        let family = try histograms.histogram(
            "job_seconds", help: "Runs.", unit: "seconds", labels: ["queue", "job_type"],
            buckets: MetricBuckets.jobSeconds, exemplars: true)
        let span = ExemplarSource(traceID: .random(), spanID: .random(), isSampled: true)
        // 18 bounds, +Inf, the sum and the count make 21 series of each.
        for index in 0..<476 {
            let child = family.child("queue-\(index % 100)", "email:welcome-\(index)")
            for bound in MetricBuckets.jobSeconds { child.record(bound, exemplar: span) }
        }
        report("476 histograms (9,996 series), exemplars", histograms)
    }

    private func report(_ name: String, _ registry: MetricsRegistry) {
        for format in ExpositionFormat.allCases {
            var writer = ExpositionWriter()
            Measurement(calls: 1) { writer.write(registry.snapshot(), as: format) }
                .report("\(name), \(format)", aimNanoseconds: Self.aimNanoseconds, mayAllocate: true)
        }
    }
}
