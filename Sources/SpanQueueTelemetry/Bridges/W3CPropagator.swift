public import Instrumentation

/// Carries `TraceContext` in and out of carriers such as HTTP headers, under the names of W3C Trace Context and Baggage.
public struct W3CPropagator: Instrument {
    private let formats: Set<PropagationFormat>

    /// Makes a propagator.
    ///
    /// - Parameter formats: what is carried; what is not is neither written nor read.
    public init(_ formats: Set<PropagationFormat> = Set(PropagationFormat.allCases)) {
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
