// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Tracing

/// Stands behind swift-distributed-tracing: `withSpan` in a handler, and every instrumented library, joins the job's trace.
package struct DistributedTracer: Tracer {
    /// What it starts.
    package typealias Span = DistributedTracerSpan

    private let tracer: SpanQueueTracer
    private let propagator: W3CPropagator
    private let requestFlush: @Sendable () -> Void

    /// Makes a bridge to a tracer.
    ///
    /// - Parameters:
    ///   - tracer: makes the spans.
    ///   - propagator: reads and writes headers.
    ///   - requestFlush: asks for an export soon, without waiting for it.
    package init(
        _ tracer: SpanQueueTracer, propagator: W3CPropagator = W3CPropagator(),
        requestFlush: @escaping @Sendable () -> Void = {}
    ) {
        self.tracer = tracer
        self.propagator = propagator
        self.requestFlush = requestFlush
    }

    /// Starts a span below the one of `context`, or a trace where there is none.
    package func startSpan<Instant: TracerInstant>(
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
    package func startAnySpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> any Tracing.Span {
        startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID, line: line
        )
    }

    /// The span that a context belongs to, where it is one of this process.
    package func activeSpan(identifiedBy context: ServiceContext) -> DistributedTracerSpan? {
        context.tracePosition?.span.map { DistributedTracerSpan($0, context: context) }
    }

    /// Asks for an export soon. It does not wait; ``Telemetry/flush(within:)`` does.
    @available(*, deprecated)
    package func forceFlush() { requestFlush() }

    /// Writes the W3C headers.
    package func inject<Carrier, Inject>(_ context: ServiceContext, into carrier: inout Carrier, using injector: Inject)
    where Inject: Injector, Inject.Carrier == Carrier {
        propagator.inject(context, into: &carrier, using: injector)
    }

    /// Reads the W3C headers.
    package func extract<Carrier, Extract>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract: Extractor, Extract.Carrier == Carrier {
        propagator.extract(carrier, into: &context, using: extractor)
    }
}

/// A ``SpanQueueSpan`` as swift-distributed-tracing sees it.
package struct DistributedTracerSpan: Tracing.Span {
    /// The context for what happens within the span.
    package let context: ServiceContext
    /// The span.
    package let span: SpanQueueSpan

    init(_ span: SpanQueueSpan, context: ServiceContext) {
        self.span = span
        self.context = context
    }

    /// The name; empty for a span that is not recorded.
    package var operationName: String {
        get { span.name }
        nonmutating set { span.name = newValue }
    }

    /// The attributes; none for a span that is not recorded.
    package var attributes: SpanAttributes {
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
    package var isRecording: Bool { span.isRecording }

    /// Says how it ended.
    package func setStatus(_ status: SpanStatus) {
        switch status.code {
        case .ok: span.set(.ok)
        case .error: span.set(.error(status.message ?? ""))
        }
    }

    /// Adds an event.
    package func addEvent(_ event: SpanEvent) {
        span.add(
            SpanData.Event(
                event.name, atNanoseconds: event.nanosecondsSinceEpoch, attributes: Attributes(event.attributes)))
    }

    /// Adds an `exception` event (OpenTelemetry, "Exceptions") and sets the status to error: `withSpan` calls this for what its
    /// body throws, and nothing else. A status of `ok`, before or after, overrides it.
    package func recordError<Instant: TracerInstant>(
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
    package func addLink(_ link: SpanLink) {
        guard span.isRecording, let position = link.context.tracePosition else { return }
        span.add(
            SpanData.Link(position.context, isRemote: position.isRemote, attributes: Attributes(link.attributes)))
    }

    /// Ends the span.
    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        guard span.isRecording else { return }
        span.end(atNanoseconds: instant().nanosecondsSinceEpoch)
    }
}

extension Tracing.Span {
    /// Sets all of them.
    package func set(_ attributes: Attributes) {
        for attribute in attributes.list { self.attributes[attribute.key] = SpanAttribute(attribute.value) }
    }
}

extension Attributes {
    /// The same attributes, in the order of their keys.
    init(_ attributes: SpanAttributes) {
        var list: [Attribute] = []
        list.reserveCapacity(attributes.count)
        attributes.forEach { key, value in
            if !key.isEmpty { list.append(Attribute(key, AttributeValue(value))) }
        }
        list.sort { $0.key < $1.key }
        self.init(unique: list)
    }
}

extension AttributeValue {
    init(_ value: SpanAttribute) {
        switch value {
        case .int32(let value): self = .int(Int64(value))
        case .int64(let value): self = .int(value)
        case .int32Array(let values): self = .ints(values.map { Int64($0) })
        case .int64Array(let values): self = .ints(values)
        case .double(let value): self = .double(value)
        case .doubleArray(let values): self = .doubles(values)
        case .bool(let value): self = .bool(value)
        case .boolArray(let values): self = .bools(values)
        case .string(let value): self = .string(value)
        case .stringArray(let values): self = .strings(values)
        case .stringConvertible(let value): self = .string("\(value)")
        case .stringConvertibleArray(let values): self = .strings(values.map { "\($0)" })
        default: self = .string("\(value)")
        }
    }
}

extension SpanAttribute {
    init(_ value: AttributeValue) {
        switch value {
        case .string(let value): self = .string(value)
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int64(value)
        case .double(let value): self = .double(value)
        case .strings(let values): self = .stringArray(values)
        case .bools(let values): self = .boolArray(values)
        case .ints(let values): self = .int64Array(values)
        case .doubles(let values): self = .doubleArray(values)
        }
    }
}

extension SpanData.Kind {
    init(_ kind: SpanKind) {
        switch kind {
        case .server: self = .server
        case .client: self = .client
        case .producer: self = .producer
        case .consumer: self = .consumer
        case .internal: self = .internal
        }
    }
}
