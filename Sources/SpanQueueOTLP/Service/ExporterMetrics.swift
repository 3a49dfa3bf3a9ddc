// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import SpanQueueTelemetry

extension Telemetry {
    /// Adds metrics of the exporters to a registry, once for a registry: what was sent and what was dropped, as `otel_sdk_…`.
    ///
    /// - Throws: `MetricsError` where the registry has them already.
    public func registerMetrics(on registry: MetricsRegistry) throws(MetricsError) {
        try registry.add(
            MetricsCollector(name: "exporter") { [self] in try ExporterMetrics.write(statistics, to: &$0) })
    }
}

/// Shows on /metrics how the exporters are doing, under the names of OpenTelemetry's conventions for SDKs.
enum ExporterMetrics {
    static func write(_ statistics: ExporterStatistics, to metrics: inout CollectedMetrics) throws(MetricsError) {
        let started = statistics.startedSpans
        for (result, count) in [
            ("RECORD_AND_SAMPLE", started.sampled), ("RECORD_ONLY", started.recorded), ("DROP", started.dropped),
        ] {
            try metrics.counter(
                "otel_sdk_span_started", help: "Spans that were started, by the sampling decision.",
                labels: [MetricLabel("otel_span_sampling_result", result)], value: Double(count))
        }
        for (signal, done) in statistics.signals.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            try write(done, signal, to: &metrics)
        }
    }

    private static func write(
        _ done: ExportStatistics, _ signal: OTLPSignal, to metrics: inout CollectedMetrics
    ) throws(MetricsError) {
        let item = signal.item
        // Metrics have no queue: they are read when they are exported.
        if signal != .metrics {
            try metrics.gauge(
                "otel_sdk_processor_\(item)_queue_size", help: "Items that wait for their export.",
                value: Double(done.queueSize))
            try metrics.gauge(
                "otel_sdk_processor_\(item)_queue_capacity",
                help: "How many items may wait; what comes on top is dropped.", value: Double(done.queueCapacity))
            try count(
                done.processed, "otel_sdk_processor_\(item)_processed",
                "Items that left the queue, by why they were dropped.", to: &metrics)
        }
        try count(
            done.exported, "otel_sdk_exporter_\(item)_exported", "Items that were sent, by why they did not arrive.",
            to: &metrics)
        for (error, tally) in done.operations.merging(["": DurationTally()], uniquingKeysWith: { first, _ in first }) {
            try metrics.histogram(
                "otel_sdk_exporter_operation_duration_seconds",
                help: "How long exports took, retries included, by how they ended.", unit: "seconds",
                labels: [MetricLabel("otel_component_name", signal.rawValue), MetricLabel("error_type", error)],
                value: HistogramValue(
                    bounds: DurationTally.boundsSeconds, bucketCounts: tally.buckets, sum: tally.sumSeconds))
        }
    }

    /// An empty word stands for success; the conventions then leave the label out, which here is its empty value.
    private static func count(
        _ counts: [String: Int], _ name: String, _ help: String, to metrics: inout CollectedMetrics
    ) throws(MetricsError) {
        for (error, count) in counts.merging(["": 0], uniquingKeysWith: { first, _ in first }) {
            try metrics.counter(name, help: help, labels: [MetricLabel("error_type", error)], value: Double(count))
        }
    }
}

extension OTLPSignal {
    /// What the conventions call one item of the signal.
    fileprivate var item: String {
        switch self {
        case .traces: "span"
        case .metrics: "metric_data_point"
        case .logs: "log"
        }
    }
}

/// What the telemetry of a process has done so far, for the metrics of its own health (`otel.sdk.*`).
package struct ExporterStatistics: Sendable, Hashable {
    /// How many spans were started.
    package var startedSpans: StartedSpans
    /// Each signal that is exported.
    package var signals: [OTLPSignal: ExportStatistics]

    /// Makes statistics of their parts.
    package init(startedSpans: StartedSpans = StartedSpans(), signals: [OTLPSignal: ExportStatistics] = [:]) {
        self.startedSpans = startedSpans
        self.signals = signals
    }
}
