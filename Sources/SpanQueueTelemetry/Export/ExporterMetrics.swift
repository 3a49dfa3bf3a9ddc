/// Shows on /metrics how the exporter of spans is doing, under the names of OpenTelemetry's conventions for SDKs.
public enum ExporterMetrics {
    /// Adds the metrics of a `Telemetry` to a registry, once for a registry.
    ///
    /// - Throws: `MetricsError` where the registry has them already.
    public static func register(_ telemetry: Telemetry, in registry: MetricsRegistry) throws(MetricsError) {
        try registry.add(
            MetricsCollector(name: "exporter") { try write(telemetry.statistics, to: &$0) })
    }

    static func write(_ statistics: ExporterStatistics, to metrics: inout CollectedMetrics) throws(MetricsError) {
        let started = statistics.startedSpans
        for (result, count) in [
            ("RECORD_AND_SAMPLE", started.sampled), ("RECORD_ONLY", started.recorded), ("DROP", started.dropped),
        ] {
            try metrics.counter(
                "otel_sdk_span_started", help: "Spans that were started, by the sampling decision.",
                labels: [MetricLabel("otel_span_sampling_result", result)], value: Double(count))
        }
        guard let traces = statistics.signals[.traces] else { return }
        try metrics.gauge(
            "otel_sdk_processor_span_queue_size", help: "Spans that wait for their export.",
            value: Double(traces.queueSize))
        try metrics.gauge(
            "otel_sdk_processor_span_queue_capacity", help: "How many spans may wait; what comes on top is dropped.",
            value: Double(traces.queueCapacity))
        // An empty word stands for success; the conventions then leave the label out, which here is its empty value.
        for (error, count) in traces.processed.merging(["": 0], uniquingKeysWith: { first, _ in first }) {
            try metrics.counter(
                "otel_sdk_processor_span_processed", help: "Spans that left the queue, by why they were dropped.",
                labels: [MetricLabel("error_type", error)], value: Double(count))
        }
        for (error, count) in traces.exported.merging(["": 0], uniquingKeysWith: { first, _ in first }) {
            try metrics.counter(
                "otel_sdk_exporter_span_exported", help: "Spans that were sent, by why they did not arrive.",
                labels: [MetricLabel("error_type", error)], value: Double(count))
        }
        for (error, tally) in traces.operations {
            let labels = [MetricLabel("error_type", error)]
            try metrics.counter(
                "otel_sdk_exporter_operations", help: "Exports, by how they ended.", labels: labels,
                value: Double(tally.count))
            try metrics.counter(
                "otel_sdk_exporter_operation_duration_seconds", help: "Time spent exporting, by how it ended.",
                unit: "seconds", labels: labels, value: tally.sumSeconds)
        }
    }
}
