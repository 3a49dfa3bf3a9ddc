/// Decides at the head of a trace whether it is recorded: the six standard samplers of OpenTelemetry.
public enum Sampler: Sendable, Hashable {
    /// Every span (`always_on`).
    case alwaysOn
    /// None (`always_off`).
    case alwaysOff
    /// That share of traces, 0 to 1, by trace id alone, so that all processes agree (`traceidratio`).
    case traceIDRatio(Double)
    /// As the parent; roots always (`parentbased_always_on`).
    case parentBasedAlwaysOn
    /// As the parent; roots never (`parentbased_always_off`).
    case parentBasedAlwaysOff
    /// As the parent; roots by share (`parentbased_traceidratio`).
    case parentBasedTraceIDRatio(Double)

    /// Whether a span is recorded and exported.
    ///
    /// - Parameters:
    ///   - traceID: the trace that the span is in.
    ///   - parent: the span's parent; nil for a root. A remote and a local parent count the same.
    public func samples(_ traceID: TraceID, parent: TraceContext?) -> Bool {
        switch self {
        case .alwaysOn: true
        case .alwaysOff: false
        case .traceIDRatio(let ratio): Self.isWithin(ratio, traceID)
        case .parentBasedAlwaysOn: parent?.isSampled ?? true
        case .parentBasedAlwaysOff: parent?.isSampled ?? false
        case .parentBasedTraceIDRatio(let ratio): parent?.isSampled ?? Self.isWithin(ratio, traceID)
        }
    }

    /// The last 8 bytes of the id, without the lowest bit, as a share of 2⁶³: what the SDKs for Go and Java compute too.
    private static func isWithin(_ ratio: Double, _ traceID: TraceID) -> Bool {
        guard ratio > 0 else { return false }
        guard ratio < 1 else { return true }
        return traceID.low >> 1 < UInt64(ratio * 0x1p63)
    }
}

extension Sampler: CustomStringConvertible {
    /// As `OTEL_TRACES_SAMPLER` names it, with its argument.
    public var description: String {
        switch self {
        case .alwaysOn: "always_on"
        case .alwaysOff: "always_off"
        case .traceIDRatio(let ratio): "traceidratio(\(ratio))"
        case .parentBasedAlwaysOn: "parentbased_always_on"
        case .parentBasedAlwaysOff: "parentbased_always_off"
        case .parentBasedTraceIDRatio(let ratio): "parentbased_traceidratio(\(ratio))"
        }
    }
}
