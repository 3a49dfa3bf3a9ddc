package import SpanQueueTelemetry

/// OTLP/JSON: lowerCamelCase keys, ids in hexadecimal, 64-bit numbers in quotes, enums as numbers.
package struct OTLPJSONEncoding: OTLPEncoding {
    package let contentType = "application/json"

    package init() {}
}

extension OTLPJSONEncoding {
    package func encode(_ spans: [SpanData], resource: TelemetryResource) -> [UInt8] {
        var writer = JSONWriter(capacity: 1024 + spans.count * 1024)
        writer.beginResource(resource, list: "resourceSpans", scopes: "scopeSpans")
        writer.raw("\"spans\":[")
        // In place: a span that is copied has all that it holds retained.
        spans.withUnsafeBufferPointer { spans in
            for index in spans.indices { Self.write(spans[index], to: &writer) }
        }
        writer.endArray()
        writer.endResource()
        return writer.bytes()
    }

    private static func write(_ span: SpanData, to writer: inout JSONWriter) {
        writer.raw("{")
        writer.field("\"traceId\":", span.context.traceID)
        writer.field("\"spanId\":", span.context.spanID)
        if let traceState = span.context.traceState { writer.field("\"traceState\":", traceState) }
        if let parent = span.parent { writer.field("\"parentSpanId\":", parent) }
        writer.field32("\"flags\":", OTLPMeaning.flags(of: span))
        writer.field("\"name\":", span.name)
        writer.field32("\"kind\":", span.kind.rawValue)
        writer.field64("\"startTimeUnixNano\":", span.startNanoseconds)
        writer.field64("\"endTimeUnixNano\":", span.endNanoseconds)
        writer.attributes(span.attributes)
        writer.field32("\"droppedAttributesCount\":", span.droppedAttributes)
        write(span.events, to: &writer)
        writer.field32("\"droppedEventsCount\":", span.droppedEvents)
        write(span.links, to: &writer)
        writer.field32("\"droppedLinksCount\":", span.droppedLinks)
        switch span.status {
        case .unset: break
        case .ok: writer.raw("\"status\":{\"code\":1},")
        case .error(let message):
            writer.raw("\"status\":{")
            writer.field("\"message\":", message)
            writer.raw("\"code\":2},")
        }
        writer.endObject()
    }

    private static func write(_ events: [SpanData.Event], to writer: inout JSONWriter) {
        guard !events.isEmpty else { return }
        writer.raw("\"events\":[")
        for event in events {
            writer.raw("{")
            writer.field64("\"timeUnixNano\":", event.timeNanoseconds)
            writer.field("\"name\":", event.name)
            writer.attributes(event.attributes)
            writer.field32("\"droppedAttributesCount\":", event.droppedAttributes)
            writer.endObject()
        }
        writer.endArray()
    }

    private static func write(_ links: [SpanData.Link], to writer: inout JSONWriter) {
        guard !links.isEmpty else { return }
        writer.raw("\"links\":[")
        for link in links {
            writer.raw("{")
            writer.field("\"traceId\":", link.context.traceID)
            writer.field("\"spanId\":", link.context.spanID)
            if let traceState = link.context.traceState { writer.field("\"traceState\":", traceState) }
            writer.attributes(link.attributes)
            writer.field32("\"droppedAttributesCount\":", link.droppedAttributes)
            writer.field32("\"flags\":", OTLPMeaning.flags(link.context, isRemote: link.isRemote))
            writer.endObject()
        }
        writer.endArray()
    }
}
