// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueueTelemetry

/// OTLP/JSON: lowerCamelCase keys, ids in hexadecimal, 64-bit numbers in quotes, enums as numbers.
package struct OTLPJSONEncoding: OTLPEncoding {
    package let contentType = "application/json"

    package init() {}
}

extension OTLPJSONEncoding {
    package func written(_ name: String, _ kind: SpanData.Kind, _ attributes: Attributes) -> SpanShape.Written {
        JSONSpanWriter.written(name, kind, attributes)
    }

    package func spanWriter(_ resource: TelemetryResource) -> any OTLPSpanWriter { JSONSpanWriter(resource) }

    package func request(_ batch: EncodedSpans, resource: TelemetryResource) -> [UInt8] {
        guard batch.count == 0 else { return batch.bytes }
        return JSONSpanWriter.opening(resource) + "\(JSONSpanWriter.closing)".utf8
    }
}

extension OTLPJSONEncoding {
    /// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
    private static let temporality: StaticString = "\"aggregationTemporality\":2,"

    package func encode(_ snapshot: MetricsSnapshot, resource: TelemetryResource) -> [UInt8] {
        var writer = JSONWriter(capacity: 64 << 10)
        writer.beginResource(resource, list: "resourceMetrics", scopes: "scopeMetrics")
        writer.raw("\"metrics\":[")
        for family in snapshot.families where !family.points.isEmpty {
            Self.write(family, at: snapshot.timeUnixNanoseconds, to: &writer)
        }
        writer.endArray()
        writer.endResource()
        return writer.bytes()
    }

    private static func write(_ family: MetricFamilySnapshot, at time: UInt64, to writer: inout JSONWriter) {
        writer.raw("{")
        writer.field("\"name\":", family.openTelemetryName)
        writer.field("\"description\":", family.help)
        writer.field("\"unit\":", OTLPMeaning.unit(family.unit))
        switch family.kind {
        case .counter: writer.raw("\"sum\":{")
        case .gauge, .info: writer.raw("\"gauge\":{")
        case .histogram: writer.raw("\"histogram\":{")
        }
        writer.raw("\"dataPoints\":[")
        for point in family.points { write(point, of: family.kind, at: time, to: &writer) }
        writer.endArray()
        switch family.kind {
        case .counter:
            writer.raw(temporality)
            writer.raw("\"isMonotonic\":true,")
        case .histogram: writer.raw(temporality)
        case .gauge, .info: break
        }
        writer.endObject()
        writer.endObject()
    }

    private static func write(_ point: MetricPoint, of kind: MetricKind, at time: UInt64, to writer: inout JSONWriter) {
        writer.raw("{")
        writer.attributes(OTLPMeaning.attributes(of: point))
        if kind == .counter || kind == .histogram {
            writer.field64("\"startTimeUnixNano\":", point.startUnixNanoseconds)
        }
        writer.field64("\"timeUnixNano\":", time)
        switch point.value {
        case .integer(let value):
            writer.raw("\"asInt\":\"")
            writer.decimal(value)
            writer.raw("\",")
            write([point.exemplar].compactMap { $0 }, to: &writer)
        case .double(let value):
            writer.raw("\"asDouble\":")
            writer.double(value)
            writer.raw(",")
            write([point.exemplar].compactMap { $0 }, to: &writer)
        case .histogram(let value): write(value, to: &writer)
        }
        writer.endObject()
    }

    private static func write(_ histogram: HistogramValue, to writer: inout JSONWriter) {
        writer.field64("\"count\":", histogram.count)
        // `sum` has presence in the definition: 0 is said, too.
        writer.raw("\"sum\":")
        writer.double(histogram.sum)
        writer.raw(",\"bucketCounts\":[")
        for count in histogram.bucketCounts {
            writer.quoted(count)
            writer.raw(",")
        }
        writer.endArray()
        if !histogram.bounds.isEmpty {
            writer.raw("\"explicitBounds\":[")
            for bound in histogram.bounds {
                writer.double(bound)
                writer.raw(",")
            }
            writer.endArray()
        }
        write(histogram.exemplars.compactMap { $0 }, to: &writer)
    }

    private static func write(_ exemplars: [MetricExemplar], to writer: inout JSONWriter) {
        guard !exemplars.isEmpty else { return }
        writer.raw("\"exemplars\":[")
        for exemplar in exemplars {
            writer.raw("{")
            writer.field64("\"timeUnixNano\":", exemplar.timeUnixNanoseconds)
            writer.raw("\"asDouble\":")
            writer.double(exemplar.value)
            writer.raw(",")
            writer.field("\"spanId\":", exemplar.spanID)
            writer.field("\"traceId\":", exemplar.traceID)
            writer.endObject()
        }
        writer.endArray()
    }
}

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
