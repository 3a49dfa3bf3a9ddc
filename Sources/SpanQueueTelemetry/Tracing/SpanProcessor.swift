/// Takes finished spans from a tracer: `BatchProcessor` of `SpanQueueOTLP`, or one of an application's own.
public protocol SpanProcessor: Sendable {
    /// Takes a span. Called where the span ends, which is in a handler: it must not wait.
    func submit(_ span: SpanData)
}
