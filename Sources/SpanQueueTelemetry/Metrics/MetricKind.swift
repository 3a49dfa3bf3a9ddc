/// The kinds of metric that a registry holds.
public enum MetricKind: Sendable, Hashable, CaseIterable {
    /// A value that only rises, from 0 at its start time. OTLP: a monotonic cumulative sum.
    case counter
    /// A value that goes up and down.
    case gauge
    /// Counts of observations in explicit buckets, with their sum. OTLP: a cumulative histogram.
    case histogram
    /// The constant 1, whose labels are what is said. OTLP: a gauge.
    case info

    /// What the sample's name carries behind the family's.
    var sampleSuffix: String {
        switch self {
        case .counter: "_total"
        case .info: "_info"
        case .gauge, .histogram: ""
        }
    }

    /// The word after the name in an OpenMetrics TYPE line.
    var openMetricsType: String {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        case .info: "info"
        }
    }

    /// The word after the name in a TYPE line of text 0.0.4, which does not know of info.
    var textType: String { self == .info ? "gauge" : openMetricsType }
}
