// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueueTelemetry

/// Binary protobuf. The numbers of the fields are those of opentelemetry-proto 1.x, which does not change them.
package struct OTLPProtobufEncoding: OTLPEncoding {
    package let contentType = "application/x-protobuf"

    package init() {}

    /// A request: it and the resource's part of it have their list under 1 and 2, for each signal alike.
    func request(
        _ resource: TelemetryResource, capacity: Int, _ items: (inout ProtobufWriter) -> Void
    ) -> [UInt8] {
        var writer = ProtobufWriter(capacity: capacity)
        writer.message(1) { writer in
            writer.message(1) { $0.attributes(1, resource.attributes) }
            writer.message(2) { writer in
                writer.message(1) { scope in
                    scope.string(1, TelemetryResource.scopeName)
                    scope.string(2, TelemetryResource.version)
                }
                items(&writer)
            }
        }
        return writer.bytes
    }
}

extension ProtobufWriter {
    /// A list of `KeyValue`.
    mutating func attributes(_ field: Int, _ attributes: Attributes) {
        for attribute in attributes.list {
            message(field) { pair in
                pair.string(1, attribute.key)
                pair.message(2) { $0.value(attribute.value) }
            }
        }
    }

    /// The one member of an `AnyValue`, also where it is empty or zero.
    mutating func value(_ value: AttributeValue) {
        switch value {
        case .string(let text): string(always: 1, text)
        case .bool(let flag): varint(always: 2, flag ? 1 : 0)
        case .int(let number): varint(always: 3, UInt64(bitPattern: number))
        case .double(let number): double(always: 4, number)
        case .strings(let texts): list(texts) { .string($0) }
        case .bools(let flags): list(flags) { .bool($0) }
        case .ints(let numbers): list(numbers) { .int($0) }
        case .doubles(let numbers): list(numbers) { .double($0) }
        }
    }

    private mutating func list<Element>(_ elements: [Element], _ wrap: (Element) -> AttributeValue) {
        message(5) { list in
            for element in elements { list.message(1) { $0.value(wrap(element)) } }
        }
    }
}

extension OTLPProtobufEncoding {
    package func written(_ name: String, _ kind: SpanData.Kind, _ attributes: Attributes) -> SpanShape.Written {
        ProtobufSpanWriter.written(name, kind, attributes)
    }

    package func spanWriter(_ resource: TelemetryResource) -> any OTLPSpanWriter { ProtobufSpanWriter() }

    package func request(_ batch: EncodedSpans, resource: TelemetryResource) -> [UInt8] {
        request(resource, capacity: 1024 + batch.bytes.count) { $0.raw(batch.bytes) }
    }
}

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
