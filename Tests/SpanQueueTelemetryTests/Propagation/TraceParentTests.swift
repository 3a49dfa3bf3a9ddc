// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueTelemetry

@Suite("traceparent")
struct TraceParentTests {
    private static let trace = "0af7651916cd43dd8448eb211c80319c"
    private static let span = "b7ad6b7169203331"

    @Test("any context comes back as it was")
    func roundTrip() {
        for _ in 0..<10_000 {
            let context = TraceContext(
                traceID: .random(), spanID: .random(), flags: .random(in: 0...3), traceState: "a=1,b=2", baggage: "k=v")
            let back = TraceContext(
                traceParent: context.traceParent, traceState: context.traceState, baggage: context.baggage)
            #expect(back == context)
        }
    }

    @Test(
        "what level 2 allows is read",
        arguments: [
            ("00-\(trace)-\(span)-00", 0), ("00-\(trace)-\(span)-01", 1), ("00-\(trace)-\(span)-03", 3),
            ("00-\(trace)-\(span)-ff", 3), ("cc-\(trace)-\(span)-01", 1),
            ("cc-\(trace)-\(span)-01-what-comes-later", 1),
        ] as [(String, UInt8)])
    func valid(_ header: String, flags: UInt8) throws {
        let context = try #require(TraceContext(traceParent: header))
        #expect(context.flags == flags)
        #expect(context.traceParent == "00-\(Self.trace)-\(Self.span)-0\(flags)", "sent as version 00")
    }

    @Test(
        "what level 2 forbids is refused",
        arguments: [
            "", "00", "00-\(trace)-\(span)", "00-\(trace)-\(span)-", "00-\(trace)-\(span)-1", "00-\(trace)-\(span)-001",
            "00-\(trace)-\(span)-01-", "00-\(trace)-\(span)-01-x", "cc-\(trace)-\(span)-01x", "ff-\(trace)-\(span)-01",
            "0-\(trace)-\(span)-01", "FF-\(trace)-\(span)-01", "0g-\(trace)-\(span)-01",
            "00-\(trace.uppercased())-\(span)-01", "00-\(trace)-\(span.uppercased())-01", "00-\(trace)-\(span)-0A",
            "00-00000000000000000000000000000000-\(span)-01", "00-\(trace)-0000000000000000-01",
            "00_\(trace)-\(span)-01", "00-\(trace)_\(span)-01", "00-\(trace)-\(span)_01", " 00-\(trace)-\(span)-01",
            "00-\(trace)-\(span)-01 ", "00-\(trace)-\(span)-01\r\nX: y", "00-\(trace)-\(span)-0é",
            "cc-\(trace)-\(span)-01-" + String(repeating: "x", count: 1000),
        ])
    func invalid(_ header: String) {
        #expect(TraceContext(traceParent: header) == nil)
    }

    @Test("a header with any one byte changed is read as another context or refused, and what is sent is always valid")
    func mutations() {
        let header = Array("00-\(Self.trace)-\(Self.span)-01".utf8)
        for index in header.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = header
                changed[index] = byte
                guard let context = TraceContext(traceParent: String(decoding: changed, as: UTF8.self)) else {
                    continue
                }
                #expect(TraceContext(traceParent: context.traceParent) == context)
            }
        }
    }
}
