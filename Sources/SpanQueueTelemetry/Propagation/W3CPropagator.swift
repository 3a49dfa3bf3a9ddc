public import Instrumentation

/// Carries `TraceContext` in and out of carriers such as HTTP headers, under the names of W3C Trace Context and Baggage.
public struct W3CPropagator: Instrument {
    /// Makes a propagator; it has no settings.
    public init() {}

    /// Writes `traceparent`, and `tracestate` and `baggage` where there are any; nothing outside a trace.
    public func inject<Carrier, Inject>(_ context: ServiceContext, into carrier: inout Carrier, using injector: Inject)
    where Inject: Injector, Inject.Carrier == Carrier {
        guard let trace = context.traceContext else { return }
        injector.inject(trace.traceParent, forKey: "traceparent", into: &carrier)
        if let traceState = trace.traceState { injector.inject(traceState, forKey: "tracestate", into: &carrier) }
        if let baggage = trace.baggage { injector.inject(baggage, forKey: "baggage", into: &carrier) }
    }

    /// Reads the three headers; a `traceparent` that is missing or invalid leaves the context as it was.
    public func extract<Carrier, Extract>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract: Extractor, Extract.Carrier == Carrier {
        guard let traceParent = extractor.extract(key: "traceparent", from: carrier),
            let trace = TraceContext(
                traceParent: traceParent,
                traceState: extractor.extract(key: "tracestate", from: carrier),
                baggage: extractor.extract(key: "baggage", from: carrier))
        else { return }
        context.traceContext = trace
    }
}
