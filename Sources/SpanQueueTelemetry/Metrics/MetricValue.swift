/// The value of a point.
public enum MetricValue: Sendable, Hashable {
    /// A counter of whole things, or a gauge that a collector read as a whole number. `asInt` in OTLP.
    case integer(Int64)
    /// A floating counter or a gauge. `asDouble` in OTLP.
    case double(Double)
    /// A histogram.
    case histogram(HistogramValue)
}
