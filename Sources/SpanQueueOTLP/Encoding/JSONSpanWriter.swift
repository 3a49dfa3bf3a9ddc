// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import SpanQueueTelemetry

/// Writes spans as JSON. The bytes of a batch are a whole request after each span: the next one goes in front of what closes it.
final class JSONSpanWriter: OTLPSpanWriter {
    /// Of a span of a known shape, what has come of it.
    private enum Place {
        case beforeAttributes, inAttributes, inLinks
    }

    /// What stands behind the last span.
    static let closing: StaticString = "]}]}]}"

    /// What stands before the first span.
    private let opening: [UInt8]
    /// Not a stored property that every write would have to be given exclusively: the class has it alone.
    private let json: UnsafeMutablePointer<JSONWriter>
    private var place = Place.beforeAttributes
    private var keptBecause: KeepReason?
    /// The most bytes that a batch has come to: what the next one has room for from the start.
    private var largestBatchBytes = 0

    init(_ resource: TelemetryResource) {
        opening = Self.opening(resource)
        json = .allocate(capacity: 1)
        json.initialize(to: JSONWriter(capacity: 2048))
    }

    deinit {
        json.deinitialize(count: 1)
        json.deallocate()
    }

    static func opening(_ resource: TelemetryResource) -> [UInt8] {
        var writer = JSONWriter(capacity: 1024)
        writer.beginResource(resource, list: "resourceSpans", scopes: "scopeSpans")
        writer.raw("\"spans\":[")
        return writer.bytes()
    }

    /// What the spans of a shape share.
    static func written(_ name: String, _ kind: SpanData.Kind, _ attributes: Attributes) -> SpanShape.Written {
        var head = JSONWriter(capacity: 256)
        head.field("\"name\":", name)
        head.field32("\"kind\":", kind.rawValue)
        var rest = JSONWriter(capacity: 1024)
        if !attributes.isEmpty {
            rest.raw("\"attributes\":[")
            rest.elements(attributes)
        }
        return SpanShape.Written(head: head.bytes(), attributes: rest.bytes())
    }

    func write(_ span: SpanData, to batch: inout EncodedSpans) {
        begin(span.context, parent: span.parent, flags: OTLPMeaning.flags(of: span))
        json.pointee.field("\"name\":", span.name)
        json.pointee.field32("\"kind\":", span.kind.rawValue)
        times(span.startNanoseconds, span.endNanoseconds)
        json.pointee.attributes(span.attributes)
        json.pointee.field32("\"droppedAttributesCount\":", span.droppedAttributes)
        write(span.events)
        json.pointee.field32("\"droppedEventsCount\":", span.droppedEvents)
        write(span.links)
        json.pointee.field32("\"droppedLinksCount\":", span.droppedLinks)
        end(span.status, of: &batch)
    }

    func write(
        _ span: ShapedSpan, markedAs reason: KeepReason?, _ parts: (any SpanPartWriter) -> Void,
        to batch: inout EncodedSpans
    ) {
        // A shape of another tracer's may not be written.
        let shape = span.shape.written ?? Self.written(span.shape.name, span.shape.kind, span.shape.attributes)
        begin(span.context, parent: span.parent, flags: OTLPMeaning.flags(of: span))
        json.pointee.raw(shape.head)
        times(span.startNanoseconds, span.endNanoseconds)
        json.pointee.raw(shape.attributes)
        place = shape.attributes.isEmpty ? .beforeAttributes : .inAttributes
        keptBecause = reason
        parts(self)
        if place == .inLinks { json.pointee.endArray() } else { endAttributes() }
        end(span.status, of: &batch)
    }

    // MARK: Pieces

    private func begin(_ context: TraceContext, parent: SpanID?, flags: Int) {
        json.pointee.removeAll()
        // The comma after the span before this one.
        json.pointee.raw(",{")
        json.pointee.field("\"traceId\":", context.traceID)
        json.pointee.field("\"spanId\":", context.spanID)
        if let traceState = context.traceState { json.pointee.field("\"traceState\":", traceState) }
        if let parent { json.pointee.field("\"parentSpanId\":", parent) }
        json.pointee.field32("\"flags\":", flags)
    }

    private func times(_ start: UInt64, _ end: UInt64) {
        json.pointee.field64("\"startTimeUnixNano\":", start)
        json.pointee.field64("\"endTimeUnixNano\":", end)
    }

    private func end(_ status: SpanData.Status, of batch: inout EncodedSpans) {
        switch status {
        case .unset: break
        case .ok: json.pointee.raw("\"status\":{\"code\":1},")
        case .error(let message):
            json.pointee.raw("\"status\":{")
            json.pointee.field("\"message\":", message)
            json.pointee.raw("\"code\":2},")
        }
        json.pointee.dropComma()
        json.pointee.raw("}")
        json.pointee.raw(Self.closing)
        if batch.count == 0 {
            batch.bytes.reserveCapacity(max(largestBatchBytes, opening.count + json.pointee.count))
            batch.bytes.append(contentsOf: opening)
            json.pointee.append(to: &batch.bytes, skipping: 1)
        } else {
            batch.bytes.removeLast(Self.closing.utf8CodeUnitCount)
            json.pointee.append(to: &batch.bytes)
        }
        batch.count += 1
        largestBatchBytes = max(largestBatchBytes, batch.bytes.count)
    }

    private func write(_ events: [SpanData.Event]) {
        guard !events.isEmpty else { return }
        json.pointee.raw("\"events\":[")
        for event in events {
            json.pointee.raw("{")
            json.pointee.field64("\"timeUnixNano\":", event.timeNanoseconds)
            json.pointee.field("\"name\":", event.name)
            json.pointee.attributes(event.attributes)
            json.pointee.field32("\"droppedAttributesCount\":", event.droppedAttributes)
            json.pointee.endObject()
        }
        json.pointee.endArray()
    }

    private func write(_ links: [SpanData.Link]) {
        guard !links.isEmpty else { return }
        json.pointee.raw("\"links\":[")
        for link in links {
            begin(link: link.context)
            json.pointee.attributes(link.attributes)
            json.pointee.field32("\"droppedAttributesCount\":", link.droppedAttributes)
            end(link: link.context, isRemote: link.isRemote)
        }
        json.pointee.endArray()
    }

    private func begin(link context: TraceContext) {
        json.pointee.raw("{")
        json.pointee.field("\"traceId\":", context.traceID)
        json.pointee.field("\"spanId\":", context.spanID)
        if let traceState = context.traceState { json.pointee.field("\"traceState\":", traceState) }
    }

    private func end(link context: TraceContext, isRemote: Bool) {
        json.pointee.field32("\"flags\":", OTLPMeaning.flags(context, isRemote: isRemote))
        json.pointee.endObject()
    }
}

extension JSONSpanWriter: SpanPartWriter {
    func attribute(_ key: StaticString, _ value: String) {
        beginAttribute(key)
        json.pointee.raw("{\"stringValue\":")
        json.pointee.string(value)
        json.pointee.raw("}},")
    }

    func attribute(_ key: StaticString, _ value: Int64) {
        beginAttribute(key)
        json.pointee.raw("{\"intValue\":\"")
        json.pointee.decimal(value)
        json.pointee.raw("\"}},")
    }

    func attribute(_ key: StaticString, _ value: Double) {
        beginAttribute(key)
        json.pointee.raw("{\"doubleValue\":")
        json.pointee.double(value)
        json.pointee.raw("}},")
    }

    func attribute(_ key: StaticString, _ value: Bool) {
        beginAttribute(key)
        if value { json.pointee.raw("{\"boolValue\":true}},") } else { json.pointee.raw("{\"boolValue\":false}},") }
    }

    func link(_ context: TraceContext, isRemote: Bool) {
        if place != .inLinks {
            endAttributes()
            json.pointee.raw("\"links\":[")
            place = .inLinks
        }
        begin(link: context)
        end(link: context, isRemote: isRemote)
    }

    /// Keys stand in the source code, and have nothing in them that must be escaped.
    private func beginAttribute(_ key: StaticString) {
        if place == .beforeAttributes {
            json.pointee.raw("\"attributes\":[")
            place = .inAttributes
        }
        json.pointee.raw("{\"key\":\"")
        json.pointee.raw(key)
        json.pointee.raw("\",\"value\":")
    }

    private func endAttributes() {
        if let keptBecause { attribute(KeepReason.attribute, keptBecause.rawValue) }
        if place == .inAttributes { json.pointee.endArray() }
    }
}
