// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import Instrumentation
public import Logging
import ServiceContextModule

/// Carries `TraceContext` in and out of carriers such as HTTP headers, under the names of W3C Trace Context and Baggage.
public struct W3CPropagator: Instrument {
    private let formats: Set<PropagationFormat>

    /// Makes a propagator of trace contexts and baggage.
    public init() {
        self.init(Set(PropagationFormat.allCases))
    }

    /// - Parameter formats: what is carried; what is not is neither written nor read.
    package init(_ formats: Set<PropagationFormat>) {
        self.formats = formats
    }

    /// Writes `traceparent`, and `tracestate` and `baggage` where there are any; nothing outside a trace.
    public func inject<Carrier, Inject>(_ context: ServiceContext, into carrier: inout Carrier, using injector: Inject)
    where Inject: Injector, Inject.Carrier == Carrier {
        guard let trace = context.traceContext else { return }
        if formats.contains(.traceContext) {
            injector.inject(trace.traceParent, forKey: "traceparent", into: &carrier)
            if let traceState = trace.traceState { injector.inject(traceState, forKey: "tracestate", into: &carrier) }
        }
        if formats.contains(.baggage), let baggage = trace.baggage {
            injector.inject(baggage, forKey: "baggage", into: &carrier)
        }
    }

    /// Reads the three headers; a `traceparent` that is missing or invalid leaves the context as it was. Baggage that comes
    /// without a trace is not read.
    public func extract<Carrier, Extract>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract: Extractor, Extract.Carrier == Carrier {
        guard formats.contains(.traceContext),
            let traceParent = extractor.extract(key: "traceparent", from: carrier),
            let trace = TraceContext(
                traceParent: traceParent,
                traceState: extractor.extract(key: "tracestate", from: carrier),
                baggage: formats.contains(.baggage) ? extractor.extract(key: "baggage", from: carrier) : nil)
        else { return }
        context.tracePosition = TracePosition(context: trace, isRemote: true)
    }
}

extension TraceContext {
    /// The trace of the caller: our own context where there is one, else what the application's tracer, whichever it is,
    /// would write into a W3C carrier; nil outside any trace.
    package static var current: TraceContext? {
        guard let context = ServiceContext.current else { return nil }
        if let own = context.traceContext { return own }
        return TraceContext(writtenBy: InstrumentationSystem.instrument, from: context)
    }

    /// What an instrument writes of a context into W3C headers; nil where it writes none.
    package init?(writtenBy instrument: any Instrument, from context: ServiceContext) {
        var carrier: [String: String] = [:]
        instrument.inject(context, into: &carrier, using: DictionaryInjector())
        guard let traceParent = carrier["traceparent"] else { return nil }
        self.init(traceParent: traceParent, traceState: carrier["tracestate"], baggage: carrier["baggage"])
    }

    /// What an instrument reads of it from W3C headers.
    package func serviceContext(readBy instrument: any Instrument) -> ServiceContext {
        var context = ServiceContext.topLevel
        var carrier = ["traceparent": traceParent]
        carrier["tracestate"] = traceState
        carrier["baggage"] = baggage
        instrument.extract(carrier, into: &context, using: DictionaryExtractor())
        return context
    }

    /// The context in which a handler runs: our own, and what the application's tracer reads from the same headers.
    ///
    /// - Parameter span: the live span of that name, where there is one, so that the handler can add to it.
    package func serviceContext(span: SpanQueueSpan? = nil) -> ServiceContext {
        let instrument = InstrumentationSystem.instrument
        // What our own tracer would read is set below, and to write it into headers first costs more than all the rest.
        let isForeign = !(instrument is NoOpInstrument || instrument is DistributedTracer)
        var context = isForeign ? serviceContext(readBy: instrument) : ServiceContext.topLevel
        context.tracePosition = TracePosition(context: self, isRemote: false, span: span)
        return context
    }
}

private struct DictionaryInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
        carrier[key.lowercased()] = value
    }
}

private struct DictionaryExtractor: Extractor {
    func extract(key: String, from carrier: [String: String]) -> String? {
        carrier[key.lowercased()]
    }
}

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

extension Logger.MetadataProvider {
    /// Puts `trace_id` and `span_id` on each line that is logged within a span.
    public static let spanQueueTrace = Logger.MetadataProvider {
        guard let trace = ServiceContext.current?.traceContext else { return [:] }
        return ["trace_id": "\(trace.traceID)", "span_id": "\(trace.spanID)"]
    }
}
