/// The three kinds of telemetry that OTLP carries.
public enum OTLPSignal: String, Sendable, Hashable, CaseIterable {
    /// Spans.
    case traces
    /// Metrics.
    case metrics
    /// Log records.
    case logs

    /// What stands behind the base of an endpoint.
    var path: String { "v1/\(rawValue)" }
}
