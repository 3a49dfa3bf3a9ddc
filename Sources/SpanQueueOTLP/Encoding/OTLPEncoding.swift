package import SpanQueueTelemetry

/// How batches become the bodies of requests: one for each content type of OTLP.
package protocol OTLPEncoding: Sendable {
    /// The `Content-Type` of the bodies.
    var contentType: String { get }

    /// An `ExportTraceServiceRequest`.
    func encode(_ spans: [SpanData], resource: TelemetryResource) -> [UInt8]
    /// An `ExportLogsServiceRequest`.
    func encode(_ records: [LogRecordData], resource: TelemetryResource) -> [UInt8]
    /// An `ExportMetricsServiceRequest`: cumulative temporality, explicit buckets.
    func encode(_ snapshot: MetricsSnapshot, resource: TelemetryResource) -> [UInt8]
}

extension OTLPProtocol {
    /// What writes the bodies.
    var encoding: any OTLPEncoding { self == .httpProtobuf ? OTLPProtobufEncoding() : OTLPJSONEncoding() }
}

/// What OTLP's messages say that is the same in each encoding.
enum OTLPMeaning {
    /// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
    static let cumulative = 2

    /// The W3C flags, and above them 0x100 for "it is known whether that context was remote" and 0x200 for "it was".
    static func flags(_ context: TraceContext, isRemote: Bool) -> Int {
        Int(context.flags) | 0x100 | (isRemote ? 0x200 : 0)
    }

    static func flags(of span: SpanData) -> Int {
        flags(span.context, isRemote: span.isParentRemote && span.parent != nil)
    }

    /// Two labels may be exported under one name; the first one counts, because keys have to be different.
    static func attributes(of point: MetricPoint) -> Attributes {
        var attributes = Attributes()
        for label in point.labels.pairs where attributes[label.attributeName] == nil {
            attributes[label.attributeName] = .string(label.value)
        }
        return attributes
    }

    /// The unit in UCUM, which OTLP wants, for the words of OpenMetrics.
    static func unit(_ word: String) -> String {
        switch word {
        case "seconds": "s"
        case "bytes": "By"
        case "ratio": "1"
        default: word
        }
    }
}
