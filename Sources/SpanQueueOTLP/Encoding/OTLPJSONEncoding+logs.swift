internal import SpanQueueTelemetry

extension OTLPJSONEncoding {
    package func encode(_ records: [LogRecordData], resource: TelemetryResource) -> [UInt8] {
        var writer = JSONWriter(capacity: 1024 + records.count * 512)
        writer.beginResource(resource, list: "resourceLogs", scopes: "scopeLogs")
        writer.raw("\"logRecords\":[")
        for record in records { Self.write(record, to: &writer) }
        writer.endArray()
        writer.endResource()
        return writer.bytes()
    }

    private static func write(_ record: LogRecordData, to writer: inout JSONWriter) {
        writer.raw("{")
        writer.field64("\"timeUnixNano\":", record.timeNanoseconds)
        writer.field64("\"observedTimeUnixNano\":", record.timeNanoseconds)
        writer.field32("\"severityNumber\":", record.severity.rawValue)
        writer.field("\"severityText\":", record.severity.text)
        writer.raw("\"body\":")
        writer.value(.string(record.body))
        writer.raw(",")
        writer.attributes(record.attributes)
        writer.field32("\"droppedAttributesCount\":", record.droppedAttributes)
        if let context = record.context {
            writer.field32("\"flags\":", Int(context.flags))
            writer.field("\"traceId\":", context.traceID)
            writer.field("\"spanId\":", context.spanID)
        }
        writer.endObject()
    }
}
