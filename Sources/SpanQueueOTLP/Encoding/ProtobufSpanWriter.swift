// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import SpanQueueTelemetry

/// Writes spans in protobuf. The bytes of a batch are the spans alone: what stands before them has their length in it.
final class ProtobufSpanWriter: OTLPSpanWriter {
    private var writer = ProtobufWriter(capacity: 2048)
    private var keptBecause: KeepReason?

    /// What the spans of a shape share.
    static func written(_ name: String, _ kind: SpanData.Kind, _ attributes: Attributes) -> SpanShape.Written {
        var head = ProtobufWriter(capacity: 64)
        head.string(5, name)
        head.varint(6, kind.rawValue)
        var rest = ProtobufWriter(capacity: 512)
        rest.attributes(9, attributes)
        return SpanShape.Written(head: head.bytes, attributes: rest.bytes)
    }

    func write(_ span: SpanData, to batch: inout EncodedSpans) {
        begin(span.context, parent: span.parent)
        writer.string(5, span.name)
        writer.varint(6, span.kind.rawValue)
        times(span.startNanoseconds, span.endNanoseconds)
        writer.attributes(9, span.attributes)
        writer.varint(10, span.droppedAttributes)
        for event in span.events { writer.message(11) { Self.write(event, to: &$0) } }
        writer.varint(12, span.droppedEvents)
        for link in span.links { writer.message(13) { Self.write(link, to: &$0) } }
        writer.varint(14, span.droppedLinks)
        end(span.status, flags: OTLPMeaning.flags(of: span), of: &batch)
    }

    func write(
        _ span: ShapedSpan, markedAs reason: KeepReason?, _ parts: (any SpanPartWriter) -> Void,
        to batch: inout EncodedSpans
    ) {
        // A shape of another tracer's may not be written.
        let shape = span.shape.written ?? Self.written(span.shape.name, span.shape.kind, span.shape.attributes)
        begin(span.context, parent: span.parent)
        writer.raw(shape.head)
        times(span.startNanoseconds, span.endNanoseconds)
        writer.raw(shape.attributes)
        keptBecause = reason
        parts(self)
        endAttributes()
        end(span.status, flags: OTLPMeaning.flags(of: span), of: &batch)
    }

    private func begin(_ context: TraceContext, parent: SpanID?) {
        writer.removeAll()
        writer.id(1, context.traceID)
        writer.id(2, context.spanID)
        if let traceState = context.traceState { writer.string(3, traceState) }
        if let parent { writer.id(4, parent) }
    }

    private func times(_ start: UInt64, _ end: UInt64) {
        writer.fixed64(7, start)
        writer.fixed64(8, end)
    }

    private func end(_ status: SpanData.Status, flags: Int, of batch: inout EncodedSpans) {
        switch status {
        case .unset: break
        case .ok: writer.message(15) { $0.varint(3, 1) }
        case .error(let message):
            writer.message(15) { status in
                status.string(2, message)
                status.varint(3, 2)
            }
        }
        writer.fixed32(16, flags)
        ProtobufWriter.append(2, writer.bytes, to: &batch.bytes)
        batch.count += 1
    }

    private static func write(_ event: SpanData.Event, to writer: inout ProtobufWriter) {
        writer.fixed64(1, event.timeNanoseconds)
        writer.string(2, event.name)
        writer.attributes(3, event.attributes)
        writer.varint(4, event.droppedAttributes)
    }

    private static func write(_ link: SpanData.Link, to writer: inout ProtobufWriter) {
        writer.id(1, link.context.traceID)
        writer.id(2, link.context.spanID)
        if let traceState = link.context.traceState { writer.string(3, traceState) }
        writer.attributes(4, link.attributes)
        writer.varint(5, link.droppedAttributes)
        writer.fixed32(6, OTLPMeaning.flags(link.context, isRemote: link.isRemote))
    }
}

extension ProtobufSpanWriter: SpanPartWriter {
    func attribute(_ key: StaticString, _ value: String) { attribute(key, .string(value)) }
    func attribute(_ key: StaticString, _ value: Int64) { attribute(key, .int(value)) }
    func attribute(_ key: StaticString, _ value: Double) { attribute(key, .double(value)) }
    func attribute(_ key: StaticString, _ value: Bool) { attribute(key, .bool(value)) }

    func link(_ context: TraceContext, isRemote: Bool) {
        endAttributes()
        writer.message(13) { Self.write(SpanData.Link(context, isRemote: isRemote), to: &$0) }
    }

    private func attribute(_ key: StaticString, _ value: AttributeValue) {
        writer.message(9) { pair in
            pair.string(1, key)
            pair.message(2) { $0.value(value) }
        }
    }

    /// Before the first link, or at the end.
    private func endAttributes() {
        guard let reason = keptBecause else { return }
        keptBecause = nil
        attribute(KeepReason.attribute, .string(reason.rawValue))
    }
}
