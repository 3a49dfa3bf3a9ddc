// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueOTLP
@testable import SpanQueueTelemetry

@Suite("The exporters' own metrics")
struct ExporterMetricsTests {
    @Test("each signal has its counts, and how long exports took is a histogram")
    func page() throws {
        var traces = ExportStatistics(queueSize: 3, queueCapacity: 2048)
        traces.processed = ["": 10, "queue_full": 4]
        traces.count(.exported(rejected: 2), of: 8, after: .milliseconds(30))
        var logs = ExportStatistics(queueCapacity: 512)
        logs.processed = ["shutdown": 1]
        logs.count(.failed(errorType: "503"), of: 5, after: .seconds(2))
        var points = ExportStatistics(queueCapacity: 1)
        points.count(.exported(rejected: 0), of: 7, after: .seconds(40))
        var metrics = CollectedMetrics()
        try ExporterMetrics.write(
            ExporterStatistics(signals: [.traces: traces, .logs: logs, .metrics: points]), to: &metrics)
        var writer = ExpositionWriter()
        writer.write(MetricsSnapshot(families: metrics.families, timeUnixNanoseconds: 0), as: .text)
        let page = String(decoding: writer.bytes, as: UTF8.self)
        let lines = Set(page.split(separator: "\n").map(String.init))
        for line in [
            "otel_sdk_processor_span_queue_size 3",
            "otel_sdk_processor_span_processed_total{error_type=\"queue_full\"} 4",
            "otel_sdk_exporter_span_exported_total{error_type=\"\"} 6",
            "otel_sdk_exporter_span_exported_total{error_type=\"rejected\"} 2",
            "otel_sdk_processor_log_queue_capacity 512",
            "otel_sdk_processor_log_processed_total{error_type=\"shutdown\"} 1",
            "otel_sdk_exporter_log_exported_total{error_type=\"503\"} 5",
            "otel_sdk_exporter_metric_data_point_exported_total{error_type=\"\"} 7",
        ] { #expect(lines.contains(line), "\(line)") }
        let name = "otel_sdk_exporter_operation_duration_seconds"
        let logLabels = "otel_component_name=\"logs\",error_type=\"503\""
        #expect(lines.contains("# TYPE \(name) histogram"))
        #expect(lines.contains("\(name)_bucket{\(logLabels),le=\"1.0\"} 0"))
        #expect(lines.contains("\(name)_bucket{\(logLabels),le=\"2.5\"} 1"))
        #expect(lines.contains("\(name)_sum{\(logLabels)} 2"))
        #expect(lines.contains("\(name)_count{otel_component_name=\"metrics\",error_type=\"\"} 1"))
        #expect(!page.contains("metric_data_point_queue"))
    }

    /// Cumulative sums without a start are read as ones that may have begun again at each point.
    @Test("every counter and histogram of a process says since when it has counted")
    func starts() async throws {
        let registry = MetricsRegistry()
        try registry.registerProcessMetrics()
        try Telemetry(TelemetryConfiguration()).registerMetrics(on: registry)
        try registry.counter("own", help: "").child().increment()
        try registry.add(
            MetricsCollector(name: "application") { try $0.counter("elsewhere", help: "", value: 1) })
        let snapshot = await registry.collect()
        let counting = snapshot.families.filter { $0.kind == .counter || $0.kind == .histogram }
        #expect(
            Set(counting.map(\.name)).isSuperset(of: [
                "own", "elsewhere", "process_cpu_seconds", "otel_sdk_span_started", "spanq_metrics_rejected",
            ]))
        for family in counting {
            for point in family.points {
                // The epoch of these tests is long past, and nothing begins after it was read.
                #expect(point.startUnixNanoseconds > 1_700_000_000_000_000_000, "\(family.name)")
                #expect(point.startUnixNanoseconds <= snapshot.timeUnixNanoseconds, "\(family.name)")
            }
        }
    }
}
