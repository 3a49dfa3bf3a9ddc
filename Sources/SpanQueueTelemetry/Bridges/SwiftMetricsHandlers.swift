internal import CoreMetrics

/// A `Counter` of swift-metrics over a series.
final class SwiftMetricsCounter: CounterHandler {
    private let series: CounterSeries

    init(_ series: CounterSeries) {
        self.series = series
    }

    func increment(by amount: Int64) {
        series.increment(by: Int(clamping: amount))
    }

    func reset() {
        series.reset()
    }
}

/// A `FloatingPointCounter` of swift-metrics over a series.
final class SwiftMetricsFloatingCounter: FloatingPointCounterHandler {
    private let series: FloatingCounterSeries

    init(_ series: FloatingCounterSeries) {
        self.series = series
    }

    func increment(by amount: Double) {
        series.increment(by: amount)
    }

    func reset() {
        series.reset()
    }
}

/// A `Meter`, or a `Gauge` (which to swift-metrics is a recorder that does not aggregate), over a series.
final class SwiftMetricsGauge: MeterHandler, RecorderHandler {
    private let series: GaugeSeries

    init(_ series: GaugeSeries) {
        self.series = series
    }

    func set(_ value: Int64) {
        series.set(Double(value))
    }

    func set(_ value: Double) {
        series.set(value)
    }

    func increment(by amount: Double) {
        series.increment(by: amount)
    }

    func decrement(by amount: Double) {
        series.decrement(by: amount)
    }

    func record(_ value: Int64) {
        series.set(Double(value))
    }

    func record(_ value: Double) {
        series.set(value)
    }
}

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
