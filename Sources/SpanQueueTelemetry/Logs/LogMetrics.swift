/// Shows on /metrics how many records of the log were lost.
public enum LogMetrics {
    /// Adds `spanq_log_records_dropped_total`, by `reason`: `queue_full` where standard error took too little, `write_failed` where a write
    /// to it failed, as on a full disk. Once for a registry. It counts what goes through `Telemetry/makeLogHandler(label:metadataProvider:)`.
    ///
    /// - Throws: `MetricsError` where the registry has it already.
    public static func register(in registry: MetricsRegistry) throws(MetricsError) {
        try registry.add(
            MetricsCollector(name: "log") {
                try write(StreamWriter.standardError.losses, to: &$0)
            })
    }

    static func write(
        _ losses: StreamWriter.Losses, to metrics: inout CollectedMetrics
    ) throws(MetricsError) {
        for (reason, count) in [("queue_full", losses.queueFull), ("write_failed", losses.writeFailed)] {
            try metrics.counter(
                "spanq_log_records_dropped", help: "Records of the log that did not reach standard error.",
                labels: [MetricLabel("reason", reason)], value: Double(count))
        }
    }
}
