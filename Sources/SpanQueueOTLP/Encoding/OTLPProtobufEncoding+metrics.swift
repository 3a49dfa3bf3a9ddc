package import SpanQueueTelemetry

extension OTLPProtobufEncoding {
    package func encode(_ snapshot: MetricsSnapshot, resource: TelemetryResource) -> [UInt8] {
        request(resource, capacity: 64 << 10) { writer in
            for family in snapshot.families where !family.points.isEmpty {
                writer.message(2) { Self.write(family, at: snapshot.timeUnixNanoseconds, to: &$0) }
            }
        }
    }

    private static func write(_ family: MetricFamilySnapshot, at time: UInt64, to writer: inout ProtobufWriter) {
        writer.string(1, family.openTelemetryName)
        writer.string(2, family.help)
        writer.string(3, OTLPMeaning.unit(family.unit))
        let field =
            switch family.kind {
            case .gauge, .info: 5
            case .counter: 7
            case .histogram: 9
            }
        writer.message(field) { data in
            for point in family.points {
                data.message(1) { write(point, of: family.kind, at: time, to: &$0) }
            }
            switch family.kind {
            case .counter:
                data.varint(2, OTLPMeaning.cumulative)
                data.varint(3, 1)
            case .histogram: data.varint(2, OTLPMeaning.cumulative)
            case .gauge, .info: break
            }
        }
    }

    /// A `NumberDataPoint`, or a `HistogramDataPoint`.
    private static func write(
        _ point: MetricPoint, of kind: MetricKind, at time: UInt64, to writer: inout ProtobufWriter
    ) {
        if kind == .counter || kind == .histogram { writer.fixed64(2, point.startUnixNanoseconds) }
        writer.fixed64(3, time)
        let attributes = OTLPMeaning.attributes(of: point)
        switch point.value {
        case .integer(let value):
            if let exemplar = point.exemplar { writer.message(5) { write(exemplar, to: &$0) } }
            writer.fixed64(always: 6, UInt64(bitPattern: value))
            writer.attributes(7, attributes)
        case .double(let value):
            writer.double(always: 4, value)
            if let exemplar = point.exemplar { writer.message(5) { write(exemplar, to: &$0) } }
            writer.attributes(7, attributes)
        case .histogram(let value):
            writer.fixed64(4, value.count)
            // `sum` has presence in the definition: 0 is said, too.
            writer.double(always: 5, value.sum)
            writer.packed(6, value.bucketCounts)
            writer.packed(7, value.bounds)
            for exemplar in value.exemplars {
                if let exemplar { writer.message(8) { write(exemplar, to: &$0) } }
            }
            writer.attributes(9, attributes)
        }
    }

    private static func write(_ exemplar: MetricExemplar, to writer: inout ProtobufWriter) {
        writer.fixed64(2, exemplar.timeUnixNanoseconds)
        writer.double(always: 3, exemplar.value)
        writer.id(4, exemplar.spanID)
        writer.id(5, exemplar.traceID)
    }
}
