/// What a collector found at one scrape: gauges and counters that live elsewhere (in Redis, in /proc) and are read whole.
public struct CollectedMetrics: Sendable {
    private var byName: [String: MetricFamilySnapshot] = [:]
    private var seen: [String: Set<MetricLabels>] = [:]

    /// Nothing yet.
    public init() {}

    /// Adds one value of a gauge. Throws `MetricsError` where name, unit or labels are none, where the name was used
    /// for a counter before, or where these labels have a value already: a page with that would be refused whole.
    public mutating func gauge(
        _ name: String, help: String, unit: String = "", labels: [MetricLabel] = [], value: Double
    ) throws(MetricsError) {
        try add(name, help, unit, .gauge, MetricPoint(labels: MetricLabels(labels), value: .double(value)))
    }

    /// Adds one value of a counter that is kept elsewhere. Throws as `gauge` does, and for a negative amount or one that is
    /// not finite.
    ///
    /// - Parameter startUnixNanoseconds: since when it has counted: the start of this process unless given. A counter of OTLP
    ///   without a start is read as one that may have begun again at each point.
    public mutating func counter(
        _ name: String, help: String, unit: String = "", labels: [MetricLabel] = [], value: Double,
        startUnixNanoseconds: UInt64? = nil
    ) throws(MetricsError) {
        guard value >= 0, value < .infinity else {
            throw MetricsError(.invalidValue, name, "\(value) is no value for a counter")
        }
        let point = MetricPoint(
            labels: MetricLabels(labels), value: .double(value),
            startUnixNanoseconds: startUnixNanoseconds ?? ProcessStart.unixNanoseconds)
        try add(name, help, unit, .counter, point)
    }

    /// Adds one histogram that is kept elsewhere, since the start of this process. Throws as `gauge` does.
    package mutating func histogram(
        _ name: String, help: String, unit: String = "", labels: [MetricLabel] = [], value: HistogramValue
    ) throws(MetricsError) {
        let point = MetricPoint(
            labels: MetricLabels(labels), value: .histogram(value),
            startUnixNanoseconds: ProcessStart.unixNanoseconds)
        try add(name, help, unit, .histogram, point)
    }

    /// The families, their points in the order of their labels.
    var families: [MetricFamilySnapshot] {
        byName.values.map { family in
            var family = family
            family.points.sort { $0.labels < $1.labels }
            return family
        }
    }

    private mutating func add(
        _ name: String, _ help: String, _ unit: String, _ kind: MetricKind, _ point: MetricPoint
    ) throws(MetricsError) {
        let definition = try FamilyDefinition(name: name, openTelemetryName: nil, help: help, unit: unit, kind: kind)
        try MetricLabelName.check(point.labels.pairs.map { MetricLabelName($0.name) }, of: name)
        let new = MetricFamilySnapshot(name: definition.name, help: help, unit: unit, kind: kind, points: [])
        guard byName[definition.name, default: new].kind == kind else {
            throw MetricsError(.differentShape, name, "it was added as another kind before")
        }
        // To Prometheus an empty label is none, and the order of labels says nothing.
        let identity = MetricLabels(point.labels.pairs.filter { !$0.value.isEmpty }.sorted())
        guard seen[definition.name, default: []].insert(identity).inserted else {
            throw MetricsError(.nameTaken, name, "these labels have a value already")
        }
        byName[definition.name, default: new].points.append(point)
    }
}
