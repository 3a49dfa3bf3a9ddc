/// The span within which something is recorded, as far as an exemplar needs it: three words that live in registers, so
/// handing one over costs nothing.
public struct ExemplarSource: Sendable, Hashable {
    /// The span's trace.
    public let traceID: TraceID
    /// The span.
    public let spanID: SpanID
    /// Whether the trace is recorded; an exemplar of one that is not would lead nowhere.
    public let isSampled: Bool

    /// Makes a source of its parts.
    public init(traceID: TraceID, spanID: SpanID, isSampled: Bool) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
    }

    /// The span that a context stands for.
    public init(_ context: TraceContext) {
        self.init(traceID: context.traceID, spanID: context.spanID, isSampled: context.isSampled)
    }
}
