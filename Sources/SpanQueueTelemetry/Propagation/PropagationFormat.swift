/// What is carried from process to process (`OTEL_PROPAGATORS`).
public enum PropagationFormat: String, Sendable, Hashable, CaseIterable {
    /// W3C Trace Context: `traceparent` and `tracestate`.
    case traceContext = "tracecontext"
    /// W3C Baggage.
    case baggage
}
