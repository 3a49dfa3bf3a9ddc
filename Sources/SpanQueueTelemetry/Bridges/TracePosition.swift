public import ServiceContextModule

/// What a `ServiceContext` knows of the trace that it is part of.
struct TracePosition: Sendable {
    /// The span that is current.
    var context: TraceContext
    /// Whether that span is in another process: it was read from a carrier, and nothing has been started below it yet.
    var isRemote: Bool
    /// The span itself, where it is one of this process.
    var span: SpanQueueSpan?
}

/// The key under which SpanQueue keeps the current `TraceContext` in a `ServiceContext`.
private enum TraceContextKey: ServiceContextKey {
    typealias Value = TracePosition
    static let nameOverride: String? = "spanqueue-trace-context"
}

extension ServiceContext {
    /// The position in the trace of the work that this context belongs to; nil outside any trace.
    ///
    /// Setting it says that the position is one in this process.
    public var traceContext: TraceContext? {
        get { self[TraceContextKey.self]?.context }
        set { self[TraceContextKey.self] = newValue.map { TracePosition(context: $0, isRemote: false) } }
    }

    /// The position, and whether it came from another process.
    var tracePosition: TracePosition? {
        get { self[TraceContextKey.self] }
        set { self[TraceContextKey.self] = newValue }
    }
}
