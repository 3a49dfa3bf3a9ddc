// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

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

/// How metrics of swift-metrics, whose labels and dimensions may be any text, become series of a registry.
struct SwiftMetricsNames: Sendable {
    let registry: MetricsRegistry

    /// The series of a label and its dimensions; nil where no name for it is free.
    func series<Series: AnyObject & Sendable>(
        _ label: String, _ dimensions: [(String, String)], _ kind: MetricKind,
        number: FamilyDefinition.Number = .floating, unit: String = "", buckets: [Double] = [],
        make: @escaping @Sendable (SeriesContext) -> Series, point: @escaping @Sendable (Series) -> MetricPoint
    ) -> Series? {
        let name = MetricNaming.metricName(for: label)
        for candidate in [name, name + "_" + kind.openMetricsType] {
            let base = unit.isEmpty || candidate.hasSuffix("_" + unit) ? candidate : candidate + "_" + unit
            guard
                var definition = try? FamilyDefinition(
                    name: base, openTelemetryName: label, help: "From swift-metrics.", unit: unit, kind: kind)
            else { continue }
            definition.number = number
            definition.buckets = buckets
            definition.hasOpenLabels = true
            if let family = try? registry.register(definition, make: make, point: point) {
                return family.child(open: Self.labels(dimensions))
            }
        }
        registry.bridgeTally.countRejection()
        return nil
    }

    /// Sorted, so that the order in which dimensions are given makes no difference.
    static func labels(_ dimensions: [(String, String)]) -> [MetricLabel] {
        var byName: [String: MetricLabel] = [:]
        for (key, value) in dimensions {
            let name = MetricNaming.labelName(for: key)
            byName[name] = value.isEmpty ? nil : MetricLabel(name, value, attributeName: key)
        }
        return byName.values.sorted()
    }
}

extension MetricsRegistry {
    /// That of the process: SpanQueue records into it unless it is given another one.
    public static let standard = MetricsRegistry(.alongsideApplication())
}

extension MetricsRegistryConfiguration {
    /// The defaults, and where the application has bootstrapped swift-metrics with a backend of its own, that backend as a second
    /// place to record into.
    public static func alongsideApplication() -> MetricsRegistryConfiguration {
        var configuration = MetricsRegistryConfiguration()
        let factory = MetricsSystem.factory
        let isForeign = !(factory is NOOPMetricsHandler) && !(factory is SwiftMetricsFactory)
        configuration.mirror = isForeign ? factory : nil
        return configuration
    }
}
