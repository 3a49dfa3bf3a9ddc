/// Which observations may become exemplars (`OTEL_METRICS_EXEMPLAR_FILTER`).
public enum ExemplarFilter: Sendable, Hashable {
    /// Those within a sampled span (`trace_based`), the default.
    case sampled
    /// Those within any span (`always_on`).
    case always
    /// None (`always_off`).
    case never

    /// Whether an observation within `source` may become one.
    @inline(__always)
    func admits(_ source: ExemplarSource) -> Bool {
        switch self {
        case .sampled: source.isSampled
        case .always: true
        case .never: false
        }
    }
}
