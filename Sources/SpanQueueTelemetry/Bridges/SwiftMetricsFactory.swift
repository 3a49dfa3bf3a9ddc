public import CoreMetrics

/// A backend for swift-metrics that keeps everything in a `MetricsRegistry`, so that an application's own metrics, and
/// those of any instrumented library, stand on the same page as SpanQueue's.
///
/// | swift-metrics | becomes | called |
/// |---|---|---|
/// | `Counter` | counter | `name_total` |
/// | `FloatingPointCounter` | floating counter | `name_total` |
/// | `Meter`, `Gauge` | gauge | `name` |
/// | `Recorder` | histogram | `name` |
/// | `Timer` | histogram of seconds | `name_seconds` |
///
/// Names are made of labels by a fixed rule: each character that cannot stand in a Prometheus name becomes `_`. The
/// same is done to the names of dimensions; `le`, `quantile` and `__…` get `label_` before them. Dimensions are sorted, those with an
/// empty value left out, and of two with one name the last counts. Where a name is taken by a metric of another type the
/// type is added (`name_counter_total`, `name_gauge`, `name_histogram`); where that is taken too, or the registry is full, the metric
/// records nowhere and is counted in `spanq_metrics_rejected_total{family="swift_metrics"}`.
///
/// Two metrics with the same label and dimensions are one series. Destroying a metric leaves its series on the page, as
/// a Prometheus counter that vanished and came back would look reset; the caps of the registry bound what can pile up.
/// Recording takes no lock and allocates nothing. A recorder refuses negative values, as every histogram of the registry does.
public struct SwiftMetricsFactory: MetricsFactory {
    /// Bounds for timers, in seconds.
    public var timerBuckets = MetricBuckets.jobSeconds
    /// Bounds for recorders, whose unit nobody knows: by default 1, 2 and 5 in every decade from 0.001 to 1,000,000.
    public var recorderBuckets = SwiftMetricsFactory.decades

    private let names: SwiftMetricsNames

    /// Makes a backend over `registry`.
    public init(registry: MetricsRegistry) {
        names = SwiftMetricsNames(registry: registry)
    }

    private static let decades: [Double] =
        [0.001, 0.01, 0.1, 1, 10, 100, 1_000, 10_000, 100_000].flatMap { [$0, 2 * $0, 5 * $0] } + [1_000_000]

    /// A counter.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let series: CounterSeries? = names.series(label, dimensions, .counter, number: .integer) {
            CounterSeries($0)
        } point: {
            $0.point()
        }
        return series.map(SwiftMetricsCounter.init) ?? NOOPMetricsHandler.instance
    }

    /// A floating counter.
    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        let series: FloatingCounterSeries? = names.series(label, dimensions, .counter) {
            FloatingCounterSeries($0)
        } point: {
            $0.point()
        }
        return series.map(SwiftMetricsFloatingCounter.init) ?? NOOPMetricsHandler.instance
    }

    /// A gauge.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions).map(SwiftMetricsGauge.init) ?? NOOPMetricsHandler.instance
    }

    /// A histogram, or a gauge where the recorder does not aggregate (`Gauge` is one of those).
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else {
            return gauge(label, dimensions).map(SwiftMetricsGauge.init) ?? NOOPMetricsHandler.instance
        }
        return histogram(label, dimensions, unit: "", recorderBuckets).map(SwiftMetricsHistogram.init)
            ?? NOOPMetricsHandler.instance
    }

    /// A histogram of seconds.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions, unit: "seconds", timerBuckets).map(SwiftMetricsHistogram.init)
            ?? NOOPMetricsHandler.instance
    }

    /// Nothing: see above.
    public func destroyCounter(_ handler: any CounterHandler) {}

    /// Nothing: see above.
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}

    /// Nothing: see above.
    public func destroyMeter(_ handler: any MeterHandler) {}

    /// Nothing: see above.
    public func destroyRecorder(_ handler: any RecorderHandler) {}

    /// Nothing: see above.
    public func destroyTimer(_ handler: any TimerHandler) {}

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeSeries? {
        names.series(label, dimensions, .gauge) {
            GaugeSeries($0)
        } point: {
            $0.point()
        }
    }

    private func histogram(
        _ label: String, _ dimensions: [(String, String)], unit: String, _ buckets: [Double]
    ) -> HistogramSeries? {
        names.series(label, dimensions, .histogram, unit: unit, buckets: buckets) {
            HistogramSeries($0)
        } point: {
            $0.point()
        }
    }
}
