internal import CoreMetrics

/// A `Recorder` that aggregates, or a `Timer`, over a series.
final class SwiftMetricsHistogram: RecorderHandler, TimerHandler {
    private let series: HistogramSeries

    init(_ series: HistogramSeries) {
        self.series = series
    }

    func record(_ value: Int64) {
        series.record(Double(value))
    }

    func record(_ value: Double) {
        series.record(value)
    }

    func recordNanoseconds(_ duration: Int64) {
        series.record(Double(duration) / 1e9)
    }
}
