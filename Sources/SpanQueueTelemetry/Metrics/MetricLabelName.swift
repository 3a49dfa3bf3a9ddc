/// The name of a family's label; a string literal will do.
public struct MetricLabelName: Sendable, Hashable, ExpressibleByStringLiteral {
    /// The name on /metrics.
    public let name: String
    /// The attribute's key in OTLP.
    public let attributeName: String

    /// Makes a label's name; `attributeName` where OTLP calls it something else (`messaging.destination.name`).
    public init(_ name: String, attributeName: String? = nil) {
        self.name = name
        self.attributeName = attributeName ?? name
    }

    /// Makes a label's name that OTLP uses as well.
    public init(stringLiteral value: String) {
        self.init(value)
    }

    /// Names that the formats, or Prometheus itself, use for something else.
    private static let reserved: Set<String> = ["le", "quantile"]

    /// Checks the names of one family's labels, which must be well formed, not reserved and each there once.
    static func check(_ labels: [MetricLabelName], of family: String) throws(MetricsError) {
        var seen: Set<String> = []
        for label in labels {
            guard MetricNaming.isLabelName(label.name) else {
                throw MetricsError(.invalidLabelName, family, "'\(label.name)' does not match [a-zA-Z_][a-zA-Z0-9_]*")
            }
            guard !reserved.contains(label.name), !label.name.hasPrefix("__") else {
                throw MetricsError(.reservedLabelName, family, "'\(label.name)' is reserved; choose another label name")
            }
            guard seen.insert(label.name).inserted else {
                throw MetricsError(.duplicateLabelName, family, "'\(label.name)' is there twice")
            }
        }
    }
}
