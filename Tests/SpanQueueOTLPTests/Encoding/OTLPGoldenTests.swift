// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

@testable import SpanQueueOTLP
@testable import SpanQueueTelemetry

@Suite("OTLP/JSON byte for byte")
struct OTLPGoldenTests {
    @Test("a root is small: no parent, no status, nothing empty")
    func root() throws {
        let traceID = try #require(TraceID(high: 1, low: 0xAB))
        let context = TraceContext(traceID: traceID, spanID: try #require(SpanID(2)), flags: 1)
        let span = SpanData(
            name: "enqueue q", kind: .producer, context: context, startNanoseconds: 10, endNanoseconds: 20)
        let text = String(
            decoding: OTLPJSONEncoding().encode([span], resource: TelemetryResource(attributes: ["service.name": "s"])),
            as: UTF8.self)
        #expect(
            text == """
                {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},\
                "scopeSpans":[{"scope":{"name":"spanqueue","version":"\(LibraryVersion.text)"},\
                "spans":[{"traceId":"000000000000000100000000000000ab","spanId":"0000000000000002","flags":257,\
                "name":"enqueue q","kind":4,"startTimeUnixNano":"10","endTimeUnixNano":"20"}]}]}]}
                """)
    }

    @Test(
        "a sampled child of a remote parent has the flags 769, of a local one 257",
        arguments: [(true, 769), (false, 257)])
    func flags(isRemote: Bool, flags: Int) {
        var span = Samples.smallSpan
        span.context.flags = 1
        span.parent = .random()
        span.isParentRemote = isRemote
        let text = String(decoding: OTLPJSONEncoding().encode([span], resource: Samples.resource), as: UTF8.self)
        #expect(text.contains("\"flags\":\(flags),"))
    }

    @Test("any text comes back as it was from a JSON parser")
    func escaping() throws {
        let scalars = (0..<0x300).compactMap(Unicode.Scalar.init).map(String.init)
        for text in scalars + [Samples.hostileText, String(repeating: "\u{1}", count: 10_000)] {
            var writer = JSONWriter(capacity: 1)
            writer.string(text)
            let back =
                try JSONSerialization.jsonObject(with: Data(writer.bytes()), options: .fragmentsAllowed) as? String
            #expect(back == text)
        }
    }

    @Test("of two labels that are exported under one name the first one counts")
    func labels() {
        let text = String(
            decoding: OTLPJSONEncoding().encode(Samples.snapshot, resource: Samples.resource), as: UTF8.self)
        #expect(text.contains(#"{"key":"a","value":{"stringValue":""}}"#) && !text.contains("\"second\""))
    }

    @Test("numbers are written with all their digits")
    func numbers() {
        for value: Int64 in [0, 1, -1, 9, 10, 99, 100, .min, .max, 1_234_567_890_123] {
            var writer = JSONWriter(capacity: 1)
            writer.decimal(value)
            #expect(String(decoding: writer.bytes(), as: UTF8.self) == "\(value)")
        }
        var writer = JSONWriter(capacity: 1)
        writer.decimal(UInt64.max)
        #expect(String(decoding: writer.bytes(), as: UTF8.self) == "\(UInt64.max)")
    }
}
