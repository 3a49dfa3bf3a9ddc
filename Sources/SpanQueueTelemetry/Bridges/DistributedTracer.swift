public import Tracing

/// Stands behind swift-distributed-tracing: `withSpan` in a handler, and every instrumented library, joins the job's trace.
public struct DistributedTracer: Tracer {
    /// What it starts.
    public typealias Span = DistributedTracerSpan

    private let tracer: SpanQueueTracer
    private let propagator: W3CPropagator
    private let requestFlush: @Sendable () -> Void

    /// Makes a bridge to a tracer.
    ///
    /// - Parameters:
    ///   - tracer: makes the spans.
    ///   - propagator: reads and writes headers.
    ///   - requestFlush: asks for an export soon, without waiting for it.
    public init(
        _ tracer: SpanQueueTracer, propagator: W3CPropagator = W3CPropagator(),
        requestFlush: @escaping @Sendable () -> Void = {}
    ) {
        self.tracer = tracer
        self.propagator = propagator
        self.requestFlush = requestFlush
    }

    /// Starts a span below the one of `context`, or a trace where there is none.
    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> DistributedTracerSpan {
        var context = context()
        let position = context.tracePosition
        let span = tracer.startSpan(
            operationName, kind: SpanData.Kind(kind), parent: position?.context,
            isParentRemote: position?.isRemote ?? false, startNanoseconds: instant().nanosecondsSinceEpoch)
        context.tracePosition = TracePosition(context: span.context, isRemote: false, span: span)
        return DistributedTracerSpan(span, context: context)
    }

    /// As ``startSpan(_:context:ofKind:at:function:file:line:)``.
    @available(*, deprecated, message: "prefer withSpan")
    public func startAnySpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> any Tracing.Span {
        startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID, line: line
        )
    }

    /// The span that a context belongs to, where it is one of this process.
    public func activeSpan(identifiedBy context: ServiceContext) -> DistributedTracerSpan? {
        context.tracePosition?.span.map { DistributedTracerSpan($0, context: context) }
    }

    /// Asks for an export soon. It does not wait; ``Telemetry/flush(within:)`` does.
    @available(*, deprecated)
    public func forceFlush() { requestFlush() }

    /// Writes the W3C headers.
    public func inject<Carrier, Inject>(_ context: ServiceContext, into carrier: inout Carrier, using injector: Inject)
    where Inject: Injector, Inject.Carrier == Carrier {
        propagator.inject(context, into: &carrier, using: injector)
    }

    /// Reads the W3C headers.
    public func extract<Carrier, Extract>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract: Extractor, Extract.Carrier == Carrier {
        propagator.extract(carrier, into: &context, using: extractor)
    }
}
