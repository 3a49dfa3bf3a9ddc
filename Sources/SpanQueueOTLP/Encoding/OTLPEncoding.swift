// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Foundation
package import SpanQueueTelemetry

/// How batches become the bodies of requests: one for each content type of OTLP.
package protocol OTLPEncoding: Sendable {
    /// The `Content-Type` of the bodies.
    var contentType: String { get }

    /// What writes spans into batches for ``request(_:resource:)``.
    func spanWriter(_ resource: TelemetryResource) -> any OTLPSpanWriter
    /// How that writes what the spans of a shape share.
    func written(_ name: String, _ kind: SpanData.Kind, _ attributes: Attributes) -> SpanShape.Written
    /// An `ExportTraceServiceRequest`.
    func request(_ batch: EncodedSpans, resource: TelemetryResource) -> [UInt8]
    /// An `ExportLogsServiceRequest`.
    func encode(_ records: [LogRecordData], resource: TelemetryResource) -> [UInt8]
    /// An `ExportMetricsServiceRequest`: cumulative temporality, explicit buckets.
    func encode(_ snapshot: MetricsSnapshot, resource: TelemetryResource) -> [UInt8]
}

/// What OTLP's messages say that is the same in each encoding.
enum OTLPMeaning {
    /// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
    static let cumulative = 2

    /// The W3C flags, and above them 0x100 for "it is known whether that context was remote" and 0x200 for "it was".
    static func flags(_ context: TraceContext, isRemote: Bool) -> Int {
        Int(context.flags) | 0x100 | (isRemote ? 0x200 : 0)
    }

    static func flags(of span: SpanData) -> Int {
        flags(span.context, isRemote: span.isParentRemote && span.parent != nil)
    }

    static func flags(of span: ShapedSpan) -> Int {
        flags(span.context, isRemote: span.isParentRemote && span.parent != nil)
    }

    /// Two labels may be exported under one name; the first one counts, because keys have to be different.
    static func attributes(of point: MetricPoint) -> Attributes {
        var attributes = Attributes()
        for label in point.labels.pairs where attributes[label.attributeName] == nil {
            attributes[label.attributeName] = .string(label.value)
        }
        return attributes
    }

    /// The unit in UCUM, which OTLP wants, for the words of OpenMetrics.
    static func unit(_ word: String) -> String {
        switch word {
        case "seconds": "s"
        case "bytes": "By"
        case "ratio": "1"
        default: word
        }
    }
}

/// What a collector says in the body of its answer: how many items it did not take although the request was sound, which are
/// not sent again (OTLP, "Partial Success"), and why; or, with a 4xx or 5xx, a `google.rpc.Status`.
struct CollectorAnswer: Sendable, Hashable {
    /// The most scalars of a message that are kept.
    static let maximumMessageLength = 300

    /// How many items were rejected; 0 where the body does not say.
    var rejected = 0
    /// In one line, without control characters, and bounded; nil where there is none.
    var message: String?

    /// - Parameters:
    ///   - body: as it came, or the first part of it.
    ///   - contentType: of the answer. A collector may answer a JSON request in protobuf, and what stands before it in plain text.
    ///   - status: of the answer.
    ///   - signal: what was sent.
    init(_ body: [UInt8], contentType: String?, status: Int, of signal: OTLPSignal) {
        // Most say that they took all with an empty message.
        guard !body.isEmpty, body != Self.nothing else { return }
        let type = contentType?.split(separator: ";").first?.lowercased() ?? ""
        let isSuccess = (200...299).contains(status)
        if type.contains("protobuf") {
            readProtobuf(body[...], isSuccess: isSuccess)
        } else if type.contains("json") || type.isEmpty {
            readJSON(Data(body), isSuccess: isSuccess, signal)
        } else if type == "text/plain", !isSuccess {
            message = String(decoding: body, as: UTF8.self)
        }
        message = message.flatMap(Self.line)
    }

    private static let nothing = Array("{}".utf8)

    // MARK: Protobuf

    private mutating func readProtobuf(_ body: ArraySlice<UInt8>, isSuccess: Bool) {
        // The part and its fields have the same numbers for all signals; so has the message of a Status.
        guard let part = isSuccess ? ProtobufReader.bytes(of: 1, in: body) : body else { return }
        if isSuccess { rejected = Int(max(0, ProtobufReader.number(of: 1, in: part) ?? 0)) }
        message = ProtobufReader.bytes(of: 2, in: part).map { String(decoding: $0, as: UTF8.self) }
    }

    // MARK: JSON

    private struct Success: Decodable {
        struct Part: Decodable {
            var rejectedSpans: Count?
            var rejectedDataPoints: Count?
            var rejectedLogRecords: Count?
            var errorMessage: String?
        }
        var partialSuccess: Part?
    }

    private struct Status: Decodable {
        var message: String?
    }

    /// A 64-bit number: a string by the JSON form of protobuf, a number by some collectors.
    private struct Count: Decodable {
        let value: Int

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                value = Int(text) ?? 0
            } else {
                value = try container.decode(Int.self)
            }
        }
    }

    private mutating func readJSON(_ body: Data, isSuccess: Bool, _ signal: OTLPSignal) {
        guard isSuccess else {
            message = (try? JSONDecoder().decode(Status.self, from: body))?.message
            return
        }
        guard let part = (try? JSONDecoder().decode(Success.self, from: body))?.partialSuccess else { return }
        let count =
            switch signal {
            case .traces: part.rejectedSpans
            case .metrics: part.rejectedDataPoints
            case .logs: part.rejectedLogRecords
            }
        rejected = max(0, count?.value ?? 0)
        message = part.errorMessage
    }

    /// A text from outside as one bounded line: control characters, line separators and what turns the direction of text round become blanks.
    private static func line(_ text: String) -> String? {
        var line = String.UnicodeScalarView()
        var isCut = false
        for scalar in text.unicodeScalars {
            guard line.count < maximumMessageLength else {
                isCut = true
                break
            }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                if line.last != " ", !line.isEmpty { line.append(" ") }
            default: line.append(scalar)
            }
        }
        while line.last == " " { line.removeLast() }
        return line.isEmpty ? nil : String(line) + (isCut ? "…" : "")
    }
}
