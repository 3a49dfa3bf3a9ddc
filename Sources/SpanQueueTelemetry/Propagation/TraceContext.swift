/// Where a piece of work stands in its trace: what W3C Trace Context level 2 and W3C Baggage carry from one process to
/// the next.
public struct TraceContext: Sendable, Hashable {
    /// The most bytes of `tracestate` that are carried on; of a longer one members are dropped (Trace Context level 2, section
    /// 3.3.1.5, asks to carry at least 512).
    public static let maximumTraceStateBytes = TraceStateHeader.maximumBytes
    /// The most bytes of `baggage` that are carried on; a longer one is dropped (W3C Baggage, section 3.3.2).
    public static let maximumBaggageBytes = BaggageHeader.maximumBytes

    /// The trace.
    public var traceID: TraceID
    /// The span that is the parent of whatever is started here.
    public var spanID: SpanID
    /// The flags byte; bit 0 is *sampled*, bit 1 is *random trace id*.
    public var flags: UInt8
    /// The `tracestate` header: opaque to us, but always one that follows the grammar, so that it can be sent as it is.
    public private(set) var traceState: String?
    /// The `baggage` header: opaque to us, but always one that follows the grammar, so that it can be sent as it is.
    public private(set) var baggage: String?

    /// Makes a context of its parts. A trace state or baggage that does not follow its grammar is left out.
    public init(traceID: TraceID, spanID: SpanID, flags: UInt8, traceState: String? = nil, baggage: String? = nil) {
        self.traceID = traceID
        self.spanID = spanID
        self.flags = flags
        self.traceState = traceState.flatMap(TraceStateHeader.carried)
        self.baggage = baggage.flatMap(BaggageHeader.carried)
    }

    /// A new trace with random ids, sampled.
    public static func root() -> TraceContext {
        TraceContext(traceID: .random(), spanID: .random(), flags: 0b11)
    }

    /// A new span in the same trace.
    public func child() -> TraceContext {
        var copy = self
        copy.spanID = .random()
        return copy
    }

    /// Whether the trace is recorded.
    public var isSampled: Bool { flags & 1 == 1 }
}
