internal import Logging
internal import SpanQueueTelemetry

/// Collects the attributes of a log record from swift-log's metadata; what is set later counts.
struct LogAttributes {
    private let limits: AttributeLimits
    private(set) var attributes = Attributes()
    private(set) var dropped = 0

    init(within limits: AttributeLimits) {
        self.limits = limits
    }

    mutating func set(_ key: String, to value: AttributeValue) {
        if !attributes.set(key, to: value, within: limits) { dropped += 1 }
    }

    /// In the order of the keys, so that the same line always loses the same attributes to the limits.
    mutating func merge(_ metadata: Logger.Metadata) {
        if metadata.isEmpty { return }
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { merge(value, as: key) }
    }

    private mutating func merge(_ value: Logger.MetadataValue, as key: String) {
        switch value {
        case .string(let text): set(key, to: .string(text))
        case .stringConvertible(let value): set(key, to: .string(value.description))
        case .array(let values): set(key, to: .strings(values.map(\.description)))
        case .dictionary(let members):
            for (name, member) in members.sorted(by: { $0.key < $1.key }) { merge(member, as: "\(key).\(name)") }
        }
    }

    /// The span that the record belongs to: the current one, or the one that the logger's metadata names, as that of a job does
    /// outside its task. What the record's own fields say is no attribute any more.
    mutating func takeTrace(current: TraceContext?) -> TraceContext? {
        guard case .string(let trace) = attributes["trace_id"], case .string(let span) = attributes["span_id"] else {
            return current
        }
        guard let named = TraceContext(traceParent: "00-\(trace)-\(span)-00") else { return current }
        if let current, named.traceID != current.traceID { return current }
        attributes["trace_id"] = nil
        attributes["span_id"] = nil
        return current ?? named
    }
}
