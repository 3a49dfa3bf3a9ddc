// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueOTLP
@testable import SpanQueueTelemetry

@Suite(
    "OTLP in protobuf by the official definitions",
    .enabled(if: OTLPCheck.python != nil, "needs PyPI opentelemetry-proto"))
struct ProtobufEncodingTests {
    private let json = OTLPJSONEncoding()
    private let protobuf = OTLPProtobufEncoding()

    /// The official parser reads it, knows all fields, writes the same bytes, and understands what it does of the JSON.
    private func check(_ signal: String, _ binary: [UInt8], _ text: [UInt8]) throws {
        let understood = try OTLPCheck.digest(signal, binary, isProtobuf: true)
        #expect(try understood == OTLPCheck.digest(signal, text, isProtobuf: false))
    }

    @Test("spans with everything, and with nothing")
    func spans() throws {
        var done = Samples.smallSpan
        done.status = .ok
        let spans = [Samples.fullSpan, Samples.smallSpan, Samples.typicalSpan, done]
        try check(
            "traces", protobuf.encode(spans, resource: Samples.resource),
            json.encode(spans, resource: Samples.resource))
    }

    @Test(
        "lengths around those that take another byte",
        arguments: [1, 120, 127, 128, 129, 16_383, 16_384, 16_385, 3_000_000])
    func lengths(size: Int) throws {
        var span = Samples.smallSpan
        span.name = String(repeating: "x", count: size)
        span.attributes["a"] = .string(span.name)
        let resource = TelemetryResource(attributes: [:])
        try check("traces", protobuf.encode([span], resource: resource), json.encode([span], resource: resource))
    }

    @Test("log records in every severity, inside and outside a trace")
    func logs() throws {
        let records =
            LogRecordData.Severity.allCases.map {
                LogRecordData(
                    $0, Samples.hostileText, attributes: Samples.everyValue, droppedAttributes: 1,
                    context: Samples.root)
            } + [LogRecordData(.info, "")]
        try check(
            "logs", protobuf.encode(records, resource: Samples.resource),
            json.encode(records, resource: Samples.resource))
    }

    @Test("metrics of every kind, with exemplars, empty families and labels exported under one name")
    func metrics() throws {
        try check(
            "metrics", protobuf.encode(Samples.snapshot, resource: Samples.resource),
            json.encode(Samples.snapshot, resource: Samples.resource))
    }
}

@Suite("What a collector answers")
struct CollectorAnswerTests {
    private func answer(
        _ body: [UInt8], _ type: String?, status: Int = 200, _ signal: OTLPSignal = .traces
    ) -> CollectorAnswer {
        CollectorAnswer(body, contentType: type, status: status, of: signal)
    }

    private func expected(_ rejected: Int, _ message: String?) -> CollectorAnswer {
        var answer = answer([], nil)
        (answer.rejected, answer.message) = (rejected, message)
        return answer
    }

    @Test("a partial success says how many and why, in both encodings")
    func partial() {
        let text = #"{"partialSuccess":{"rejectedSpans":"3","rejectedLogRecords":4,"errorMessage":"no room"}}"#
        #expect(answer(Array(text.utf8), "application/json; charset=utf-8") == expected(3, "no room"))
        #expect(answer(Array(text.utf8), "application/json", .logs) == expected(4, "no room"))
        let binary: [UInt8] = [0x0A, 11, 0x08, 3, 0x12, 7] + Array("no room".utf8)
        for signal in OTLPSignal.allCases {
            #expect(answer(binary, "application/x-protobuf", signal) == expected(3, "no room"))
        }
    }

    @Test("an empty message says that all was taken, in every form of it", arguments: [200, 503])
    func empty(status: Int) {
        for body in ["", "{}", "{ }", "{}\n", #"{"partialSuccess":{}}"#, #"{"partialSuccess":null}"#] {
            for type in ["application/json", nil] {
                #expect(answer(Array(body.utf8), type, status: status) == expected(0, nil), "\(body)")
            }
        }
        // Two bytes are not one of them because they are two, or stand in plain text.
        #expect(answer([0x0A, 0x00], "application/x-protobuf", status: 200) == expected(0, nil))
        #expect(answer(Array("no".utf8), "text/plain", status: 503) == expected(0, "no"))
    }

    @Test("a refusal has a Status, in both encodings, or the plain words of what stands before the collector")
    func refusal() {
        let status = #"{"code":16,"message":"bad token","details":[]}"#
        let binary: [UInt8] = [0x08, 16, 0x12, 9] + Array("bad token".utf8)
        for (body, type) in [
            (Array(status.utf8), "application/json"), (binary, "application/x-protobuf"),
            (Array("bad token\r\n".utf8), "text/plain"),
        ] {
            #expect(answer(body, type, status: 401) == expected(0, "bad token"))
        }
        #expect(answer(Array("<html>".utf8), "text/html", status: 502) == expected(0, nil))
    }

    @Test("a message becomes one line, without what could forge or hide one, and bounded")
    func line() {
        let text = "a\u{0}\u{1B}[31mb\r\nforged\u{2028}\u{202E}c\u{9B}d  "
        let found = answer(Array(text.utf8), "text/plain", status: 400).message
        #expect(found == "a [31mb forged c d")
        let long = answer([UInt8](repeating: 0x78, count: 1 << 16), "text/plain", status: 400).message
        #expect(long?.unicodeScalars.count == CollectorAnswer.maximumMessageLength + 1)
        #expect(answer([0xFF, 0xFE], "text/plain", status: 400).message == "\u{FFFD}\u{FFFD}")
        #expect(answer(Array(" \n".utf8), "text/plain", status: 400).message == nil)
    }

    @Test(
        "what is cut off, or something else, says nothing",
        arguments: [
            [], [0x0A], [0x0A, 200], [0x0A, 11, 0x08], [UInt8](repeating: 0x80, count: 20), [0x07], [0x0B],
            Array("{".utf8), Array(#"{"partialSuccess":[]}"#.utf8), Array(0...255),
        ] as [[UInt8]])
    func broken(body: [UInt8]) {
        for type in ["application/x-protobuf", "application/json", nil] {
            for status in [200, 400] {
                #expect(answer(body, type, status: status).rejected == 0)
            }
        }
    }

    @Test("a negative or enormous number of rejected items is none, or no more than a number can hold")
    func numbers() {
        let negative: [UInt8] = [0x0A, 11, 0x08] + [UInt8](repeating: 0xFF, count: 9) + [0x01]
        #expect(answer(negative, "application/x-protobuf").rejected == 0)
        let text = #"{"partialSuccess":{"rejectedSpans":"9223372036854775807"}}"#
        #expect(answer(Array(text.utf8), "application/json").rejected == .max)
    }
}
