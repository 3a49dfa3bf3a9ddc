extension MetricsRegistry {
    /// A counter of whole things. Its samples are called `name` with `_total` at the end.
    ///
    /// `unit` is a word of OpenMetrics (`seconds`, `bytes`) with which the name, `_total` apart, must end.
    /// `openTelemetryName` is the name in OTLP where it is another. `exemplars` keeps the last sampled span a series.
    public func counter(
        _ name: String, help: String, unit: String = "", labels: [MetricLabelName] = [],
        openTelemetryName: String? = nil, exemplars: Bool = false
    ) throws(MetricsError) -> MetricFamily<CounterSeries> {
        var definition = try FamilyDefinition(
            name: name, openTelemetryName: openTelemetryName, help: help, unit: unit, kind: .counter)
        definition.number = .integer
        definition.labels = labels
        definition.keepsExemplars = exemplars
        return try register(definition, make: { CounterSeries($0) }, point: { $0.point() })
    }

    /// A counter of an amount, such as seconds; else as `counter`.
    public func floatingCounter(
        _ name: String, help: String, unit: String = "", labels: [MetricLabelName] = [],
        openTelemetryName: String? = nil, exemplars: Bool = false
    ) throws(MetricsError) -> MetricFamily<FloatingCounterSeries> {
        var definition = try FamilyDefinition(
            name: name, openTelemetryName: openTelemetryName, help: help, unit: unit, kind: .counter)
        definition.labels = labels
        definition.keepsExemplars = exemplars
        return try register(definition, make: { FloatingCounterSeries($0) }, point: { $0.point() })
    }

    /// A gauge.
    public func gauge(
        _ name: String, help: String, unit: String = "", labels: [MetricLabelName] = [],
        openTelemetryName: String? = nil
    ) throws(MetricsError) -> MetricFamily<GaugeSeries> {
        var definition = try FamilyDefinition(
            name: name, openTelemetryName: openTelemetryName, help: help, unit: unit, kind: .gauge)
        definition.labels = labels
        return try register(definition, make: { GaugeSeries($0) }, point: { $0.point() })
    }

    /// A histogram with these upper bounds, inclusive and rising; the bucket +Inf comes by itself. `exemplars` keeps the last
    /// sampled span a bucket.
    public func histogram(
        _ name: String, help: String, unit: String = "", labels: [MetricLabelName] = [], buckets: [Double],
        openTelemetryName: String? = nil, exemplars: Bool = false
    ) throws(MetricsError) -> MetricFamily<HistogramSeries> {
        var definition = try FamilyDefinition(
            name: name, openTelemetryName: openTelemetryName, help: help, unit: unit, kind: .histogram)
        definition.labels = labels
        definition.buckets = buckets
        definition.keepsExemplars = exemplars
        return try register(definition, make: { HistogramSeries($0) }, point: { $0.point() })
    }

    /// An info: the constant 1 with labels. Its samples are called `name` with `_info` at the end.
    public func info(
        _ name: String, help: String, labels: [MetricLabelName]
    ) throws(MetricsError) -> MetricFamily<InfoSeries> {
        var definition = try FamilyDefinition(
            name: name, openTelemetryName: nil, help: help, unit: "", kind: .info)
        definition.number = .integer
        definition.labels = labels
        return try register(definition, make: { InfoSeries($0) }, point: { $0.point() })
    }
}
