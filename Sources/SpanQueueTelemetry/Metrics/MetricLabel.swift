/// A label's name and its value.
public struct MetricLabel: Sendable, Hashable, Comparable {
    /// The name on /metrics, `[a-zA-Z_][a-zA-Z0-9_]*`.
    public let name: String
    /// The attribute's key in OTLP: `name` unless the definition says another, such as `messaging.destination.name`.
    public let attributeName: String
    /// The value, any text; an empty one means the same as no label to Prometheus.
    public let value: String

    /// Makes a label.
    public init(_ name: String, _ value: String, attributeName: String? = nil) {
        self.name = name
        self.attributeName = attributeName ?? name
        self.value = value
    }

    /// The order of names, then of values, by their bytes.
    public static func < (left: MetricLabel, right: MetricLabel) -> Bool {
        if left.name != right.name { return left.name.utf8.lexicographicallyPrecedes(right.name.utf8) }
        return left.value.utf8.lexicographicallyPrecedes(right.value.utf8)
    }
}
