/// What a `ServiceContext` knows of the trace that it is part of.
struct TracePosition: Sendable {
    /// The span that is current.
    var context: TraceContext
    /// Whether that span is in another process: it was read from a carrier, and nothing has been started below it yet.
    var isRemote: Bool
    /// The span itself, where it is one of this process.
    var span: SpanQueueSpan?
}
