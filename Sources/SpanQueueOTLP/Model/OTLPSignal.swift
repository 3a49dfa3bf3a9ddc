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

/// A way to speak OTLP (`OTEL_EXPORTER_OTLP_PROTOCOL`).
public struct OTLPProtocol: Sendable, Hashable, CustomStringConvertible {
    /// As the variable writes it.
    public let name: String

    /// JSON over HTTP/1.1: what is spoken unless another one is asked for.
    public static let httpJSON = OTLPProtocol(name: "http/json")
    /// Binary protobuf over HTTP/1.1.
    public static let httpProtobuf = OTLPProtocol(name: "http/protobuf")

    static let known: KeyValuePairs<String, OTLPProtocol> = [
        httpJSON.name: httpJSON, httpProtobuf.name: httpProtobuf,
    ]

    /// The name.
    public var description: String { name }
}
