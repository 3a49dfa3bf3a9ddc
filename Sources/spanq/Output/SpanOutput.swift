import SpanQueue
import SpanQueueTelemetry

/// One span as `--json` shows it; one that goes on has no end.
struct SpanOutput: Encodable, Sendable {
    let name: String
    let kind: String
    /// The job's, but for an attempt that began a trace of its own.
    let traceID: String
    let spanID: String
    @OrNull var parentSpanID: String?
    let start: String
    @OrNull var end: String?
    let status: String
    @OrNull var statusMessage: String?
    let attributes: [String: AttributeOutput]

    private enum CodingKeys: String, CodingKey {
        case name, kind, start, end, status, attributes
        case traceID = "trace_id"
        case spanID = "span_id"
        case parentSpanID = "parent_span_id"
        case statusMessage = "status_message"
    }

    /// Nil for a step that is no span of its own.
    init?(_ step: JobTrace.Step) {
        guard let span = step.span else { return nil }
        name = span.name
        kind = "\(span.kind)"
        traceID = span.context.traceID.description
        spanID = span.context.spanID.description
        parentSpanID = span.parent?.description
        start = Self.moment(span.startNanoseconds)
        // A retry's step goes on until the next attempt is due; its span was over at once.
        end = step.isOpen && step.stage != .delay ? nil : Self.moment(span.endNanoseconds)
        switch span.status {
        case .unset: status = "unset"
        case .ok: status = "ok"
        case .error(let message): (status, statusMessage) = ("error", message)
        }
        attributes = Dictionary(
            uniqueKeysWithValues: span.attributes.list.map { ($0.key, AttributeOutput(value: $0.value)) })
    }

    private static func moment(_ nanoseconds: UInt64) -> String {
        Timestamp(milliseconds: Int64(nanoseconds / 1_000_000)).description
    }
}
