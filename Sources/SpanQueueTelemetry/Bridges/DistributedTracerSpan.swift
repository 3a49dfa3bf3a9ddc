public import Tracing

/// A ``SpanQueueSpan`` as swift-distributed-tracing sees it.
public struct DistributedTracerSpan: Tracing.Span {
    /// The context for what happens within the span.
    public let context: ServiceContext
    /// The span.
    public let span: SpanQueueSpan

    init(_ span: SpanQueueSpan, context: ServiceContext) {
        self.span = span
        self.context = context
    }

    /// The name; empty for a span that is not recorded.
    public var operationName: String {
        get { span.name }
        nonmutating set { span.name = newValue }
    }

    /// The attributes; none for a span that is not recorded.
    public var attributes: SpanAttributes {
        get {
            var attributes = SpanAttributes([:])
            for attribute in span.attributes.list {
                attributes.set(attribute.key, value: SpanAttribute(attribute.value))
            }
            return attributes
        }
        nonmutating set {
            guard span.isRecording else { return }
            span.replaceAttributes(by: Attributes(newValue))
        }
    }

    /// Whether anything is recorded.
    public var isRecording: Bool { span.isRecording }

    /// Says how it ended.
    public func setStatus(_ status: SpanStatus) {
        switch status.code {
        case .ok: span.set(.ok)
        case .error: span.set(.error(status.message ?? ""))
        }
    }

    /// Adds an event.
    public func addEvent(_ event: SpanEvent) {
        span.add(
            SpanData.Event(
                event.name, atNanoseconds: event.nanosecondsSinceEpoch, attributes: Attributes(event.attributes)))
    }

    /// Adds an `exception` event (OpenTelemetry, "Exceptions") and sets the status to error: `withSpan` calls this for what its
    /// body throws, and nothing else. A status of `ok`, before or after, overrides it.
    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        guard span.isRecording else { return }
        var all = Attributes(attributes)
        all["exception.type"] = .string(String(reflecting: type(of: error)))
        all["exception.message"] = .string(String(describing: error))
        span.add(SpanData.Event("exception", atNanoseconds: instant().nanosecondsSinceEpoch, attributes: all))
        span.set("error.type", to: .string(String(reflecting: type(of: error))))
        span.set(.error(""))
    }

    /// Adds a link; one to a context without a trace is ignored.
    public func addLink(_ link: SpanLink) {
        guard span.isRecording, let position = link.context.tracePosition else { return }
        span.add(
            SpanData.Link(position.context, isRemote: position.isRemote, attributes: Attributes(link.attributes)))
    }

    /// Ends the span.
    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        guard span.isRecording else { return }
        span.end(atNanoseconds: instant().nanosecondsSinceEpoch)
    }
}
