internal import CoreMetrics

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
