// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue
package import SpanQueueTelemetry

/// A job's spans, made of its record alone.
package struct TraceView: Encodable, Sendable {
    package let traceID: String
    package let jobID: String
    package let spans: [SpanView]

    private enum CodingKeys: String, CodingKey {
        case spans
        case traceID = "trace_id"
        case jobID = "job_id"
    }

    package init(_ trace: JobTrace) {
        traceID = trace.record.message.trace.traceID.description
        jobID = trace.record.message.id.description
        spans = trace.steps.compactMap(SpanView.init)
    }
}

/// One span; one that goes on has no end.
package struct SpanView: Encodable, Sendable {
    package let name: String
    package let kind: String
    /// The job's, but for an attempt that began a trace of its own.
    package let traceID: String
    package let spanID: String
    @OrNull package var parentSpanID: String?
    package let start: String
    @OrNull package var end: String?
    package let status: String
    @OrNull package var statusMessage: String?
    package let attributes: [String: AttributeView]

    private enum CodingKeys: String, CodingKey {
        case name, kind, start, end, status, attributes
        case traceID = "trace_id"
        case spanID = "span_id"
        case parentSpanID = "parent_span_id"
        case statusMessage = "status_message"
    }

    /// Nil for a step that is not a span of its own.
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
            uniqueKeysWithValues: span.attributes.list.map { ($0.key, AttributeView(value: $0.value)) })
    }

    private static func moment(_ nanoseconds: UInt64) -> String {
        Timestamp(milliseconds: Int64(nanoseconds / 1_000_000)).description
    }
}

/// An attribute's value, of its own type. A whole number beyond 2⁵³, as fencing tokens are not for two centuries yet, would be
/// inexact for readers that keep numbers as doubles.
package struct AttributeView: Encodable, Sendable {
    package let value: AttributeValue

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch value {
        case .string(let value): try container.encode(value)
        case .bool(let value): try container.encode(value)
        case .int(let value): try container.encode(value)
        case .double(let value): try container.encode(value)
        case .strings(let values): try container.encode(values)
        case .bools(let values): try container.encode(values)
        case .ints(let values): try container.encode(values)
        case .doubles(let values): try container.encode(values)
        }
    }
}
