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
