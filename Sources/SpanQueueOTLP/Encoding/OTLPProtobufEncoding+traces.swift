package import SpanQueueTelemetry

extension OTLPProtobufEncoding {
    package func encode(_ spans: [SpanData], resource: TelemetryResource) -> [UInt8] {
        request(resource, capacity: 1024 + spans.count * 512) { writer in
            for index in spans.indices {
                writer.message(2) { Self.write(spans[index], to: &$0) }
            }
        }
    }

    private static func write(_ span: SpanData, to writer: inout ProtobufWriter) {
        writer.id(1, span.context.traceID)
        writer.id(2, span.context.spanID)
        if let traceState = span.context.traceState { writer.string(3, traceState) }
        if let parent = span.parent { writer.id(4, parent) }
        writer.string(5, span.name)
        writer.varint(6, span.kind.rawValue)
        writer.fixed64(7, span.startNanoseconds)
        writer.fixed64(8, span.endNanoseconds)
        writer.attributes(9, span.attributes)
        writer.varint(10, span.droppedAttributes)
        for event in span.events { writer.message(11) { write(event, to: &$0) } }
        writer.varint(12, span.droppedEvents)
        for link in span.links { writer.message(13) { write(link, to: &$0) } }
        writer.varint(14, span.droppedLinks)
        switch span.status {
        case .unset: break
        case .ok: writer.message(15) { $0.varint(3, 1) }
        case .error(let message):
            writer.message(15) { status in
                status.string(2, message)
                status.varint(3, 2)
            }
        }
        writer.fixed32(16, OTLPMeaning.flags(of: span))
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
