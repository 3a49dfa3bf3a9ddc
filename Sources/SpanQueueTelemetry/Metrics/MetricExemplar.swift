/// One observation that was made within a sampled span.
public struct MetricExemplar: Sendable, Hashable {
    /// The span's trace.
    public var traceID: TraceID
    /// The span.
    public var spanID: SpanID
    /// What was observed, or by how much a counter rose.
    public var value: Double
    /// When, in nanoseconds since the Unix epoch.
    public var timeUnixNanoseconds: UInt64

    /// Makes an exemplar of its parts.
    public init(traceID: TraceID, spanID: SpanID, value: Double, timeUnixNanoseconds: UInt64) {
        self.traceID = traceID
        self.spanID = spanID
        self.value = value
        self.timeUnixNanoseconds = timeUnixNanoseconds
    }
}
