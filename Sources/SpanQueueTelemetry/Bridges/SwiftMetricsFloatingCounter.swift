internal import CoreMetrics

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
