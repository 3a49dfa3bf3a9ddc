package import Instrumentation
import ServiceContextModule

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
