/// One family of a snapshot: a name, what it means, and its points.
public struct MetricFamilySnapshot: Sendable, Hashable {
    /// The OpenMetrics family name, without the suffix (`_total`, `_info`) that the sample of a counter or info carries.
    public var name: String
    /// The name under which OTLP exports the family: `sampleName` unless the definition says another, such as the dotted name
    /// of a semantic convention.
    public var openTelemetryName: String
    /// What the family means, for a person.
    public var help: String
    /// The unit in OpenMetrics words (`seconds`, `bytes`), empty where there is none. The name ends with it.
    public var unit: String
    /// The kind of its points.
    public var kind: MetricKind
    /// One point a series, in the order of their label values.
    public var points: [MetricPoint]

    /// Makes a family of its parts.
    public init(
        name: String, openTelemetryName: String? = nil, help: String, unit: String = "", kind: MetricKind,
        points: [MetricPoint]
    ) {
        self.name = name
        self.openTelemetryName = openTelemetryName ?? name + kind.sampleSuffix
        self.help = help
        self.unit = unit
        self.kind = kind
        self.points = points
    }

    /// The name under which Prometheus knows its series: `_total` on a counter, `_info` on an info.
    public var sampleName: String { name + kind.sampleSuffix }

    /// Every name that a sample of the family can have.
    var sampleNames: [String] {
        switch kind {
        case .counter, .info: [name, sampleName]
        case .gauge: [name]
        case .histogram: [name, name + "_bucket", name + "_sum", name + "_count"]
        }
    }
}
