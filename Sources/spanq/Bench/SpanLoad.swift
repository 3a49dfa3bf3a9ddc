import SpanQueueBenchmarks
import SpanQueueOTLP

/// What became of the spans of one measurement.
struct SpanLoad {
    private let telemetry: Telemetry
    private let before: ExportStatistics?

    /// Counts from now on.
    init(_ telemetry: Telemetry) {
        self.telemetry = telemetry
        before = telemetry.statistics.signals[.traces]
    }

    /// Waits until what is left was exported, for no more than two seconds, and tells a measurement.
    func add(to measurement: inout Measurement) async {
        guard let before, measurement.jobs > 0 else { return }
        _ = await telemetry.flush(within: .seconds(2))
        guard let after = telemetry.statistics.signals[.traces] else { return }
        let jobs = Double(measurement.jobs)
        func lost(_ statistics: ExportStatistics) -> Int { statistics.droppedItems + statistics.failedItems }
        measurement.exportedSpans = Double(after.exported["", default: 0] - before.exported["", default: 0]) / jobs
        measurement.droppedSpans = Double(lost(after) - lost(before)) / jobs
    }
}
