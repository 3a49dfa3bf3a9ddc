/// All that a family is, apart from its series.
struct FamilyDefinition: Sendable {
    /// How the family's numbers are kept.
    enum Number: Sendable {
        case integer, floating
    }

    /// The name without `_total` or `_info`.
    var name: String
    var openTelemetryName: String
    var help: String
    var unit: String
    var kind: MetricKind
    var number: Number = .floating
    /// The names of the labels, in the order in which values are given; with `hasOpenLabels`, none.
    var labels: [MetricLabelName] = []
    /// Whether each series has label names of its own: so it is with swift-metrics' dimensions.
    var hasOpenLabels = false
    var buckets: [Double] = []
    var keepsExemplars = false

    /// Checks `name` and cuts off the suffix that samples of this kind carry.
    init(
        name: String, openTelemetryName: String?, help: String, unit: String, kind: MetricKind
    ) throws(MetricsError) {
        let suffix = kind.sampleSuffix
        let base = suffix.isEmpty || !name.hasSuffix(suffix) ? name : String(name.dropLast(suffix.count))
        guard MetricNaming.isMetricName(base) else {
            throw MetricsError(.invalidName, name, "metric names match [a-zA-Z_:][a-zA-Z0-9_:]*")
        }
        if !unit.isEmpty && !base.hasSuffix("_" + unit) {
            throw MetricsError(.unitNotInName, name, "the name of a metric in \(unit) ends with _\(unit)")
        }
        self.name = base
        self.openTelemetryName = openTelemetryName ?? base + suffix
        self.help = help
        self.unit = unit
        self.kind = kind
    }

    /// Whether both describe the same series, so that one may stand for the other. What they say for people (help, the
    /// name in OTLP) and whether exemplars are kept does not matter; the first to register decides it.
    func hasSameShape(as other: FamilyDefinition) -> Bool {
        kind == other.kind && number == other.number && unit == other.unit && buckets == other.buckets
            && hasOpenLabels == other.hasOpenLabels && labels.map(\.name) == other.labels.map(\.name)
    }

    /// Every name that a sample of the family can have, which no other family may use.
    var sampleNames: [String] {
        switch kind {
        case .counter, .info: [name, name + kind.sampleSuffix]
        case .gauge: [name]
        case .histogram: [name, name + "_bucket", name + "_sum", name + "_count"]
        }
    }
}
