internal import SpanQueueTelemetry

extension OTLPProtobufEncoding {
    package func encode(_ records: [LogRecordData], resource: TelemetryResource) -> [UInt8] {
        request(resource, capacity: 1024 + records.count * 256) { writer in
            for record in records { writer.message(2) { Self.write(record, to: &$0) } }
        }
    }

    private static func write(_ record: LogRecordData, to writer: inout ProtobufWriter) {
        writer.fixed64(1, record.timeNanoseconds)
        writer.varint(2, record.severity.rawValue)
        writer.string(3, record.severity.text)
        writer.message(5) { $0.value(.string(record.body)) }
        writer.attributes(6, record.attributes)
        writer.varint(7, record.droppedAttributes)
        if let context = record.context {
            writer.fixed32(8, Int(context.flags))
            writer.id(9, context.traceID)
            writer.id(10, context.spanID)
        }
        writer.fixed64(11, record.timeNanoseconds)
    }
}
