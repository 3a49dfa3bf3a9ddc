// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Instrumentation
import Testing

@testable import SpanQueueTelemetry

@Suite("tracestate and baggage")
struct HeaderTests {
    @Test(
        "a tracestate that follows the grammar is carried, without its empty members",
        arguments: [
            ("a=1", "a=1"), (" a=1 ,\tb=2 ", "a=1,b=2"), ("a=1,,b=2,", "a=1,b=2"),
            ("0vendor@sys/x-y_z*=v a:l;u", "0vendor@sys/x-y_z*=v a:l;u"),
        ])
    func traceState(_ header: String, carried: String) {
        #expect(TraceStateHeader.carried(header) == carried)
    }

    @Test(
        "one that does not is dropped as a whole",
        arguments: [
            "", " ", ",", "a", "=1", "a=", "A=1", "a b=1", "a=1=2", "a=é", "a=\u{1}", "a=1\r\nX: y", "a=1\n,b=2",
            "_a=1",
            String(repeating: "k", count: 257) + "=1", "k=" + String(repeating: "v", count: 257),
            (0..<33).map { "k\($0)=1" }.joined(separator: ","),
        ])
    func badTraceState(_ header: String) {
        #expect(TraceStateHeader.carried(header) == nil)
    }

    /// W3C's own tests, test_tracestate_duplicated_keys, want a list with such members inherited.
    @Test(
        "of members with one key the first is carried, which was written last",
        arguments: [
            ("foo=1,foo=1", "foo=1"), ("foo=1,foo=2", "foo=1"), ("foo=1,bar=2,foo=3,bar=4", "foo=1,bar=2"),
            ("a=1, ,a=2,b=3", "a=1,b=3"),
        ])
    func duplicates(_ header: String, carried: String) {
        #expect(TraceStateHeader.carried(header) == carried)
    }

    @Test(
        "too many members are too many, also where some have one key; a bad one spoils the list, also behind its like")
    func duplicatesBound() {
        #expect(TraceStateHeader.carried((0..<33).map { _ in "a=1" }.joined(separator: ",")) == nil)
        #expect(TraceStateHeader.carried((0..<32).map { _ in "a=1" }.joined(separator: ",")) == "a=1")
        #expect(TraceStateHeader.carried("a=1,a=\u{1}") == nil)
    }

    @Test("one that is too long loses large members first, and then the last ones")
    func longTraceState() throws {
        let large = "large=" + String(repeating: "x", count: 200)
        let small = (0..<30).map { "key\($0)=0123456789" }
        let carried = try #require(
            TraceStateHeader.carried(([small[0], large] + small.dropFirst()).joined(separator: ",")))
        #expect(carried.utf8.count <= 512)
        #expect(!carried.contains("large"))
        #expect(carried.hasPrefix("key0=0123456789,key1=0123456789,"))
    }

    @Test(
        "baggage that follows the grammar is carried byte for byte",
        arguments: ["a=1", "a=1;p;q=2 , b = 3", "k=", "user=%C3%A9;x", "a=1,,b=2", "K!#$%&'*+-.^_`|~=v=w/:?"])
    func baggage(_ header: String) {
        #expect(BaggageHeader.carried(header) == header)
    }

    @Test(
        "other baggage is dropped",
        arguments: [
            "", ",", "a", "=1", "a=1;", "a=1;=2", "a b=1", "a=b c", "a=\"q\"", "a=é", "a=1\r\nX: y", "a=\\", "(a)=1",
            "a=" + String(repeating: "x", count: 8192),
        ])
    func badBaggage(_ header: String) {
        #expect(BaggageHeader.carried(header) == nil)
    }

    @Test("no bytes in any of the three headers lead to a line break in what is sent")
    func noInjection() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let noise = String(
                decoding: (0..<12).map { _ in UInt8.random(in: 0...127, using: &generator) }, as: UTF8.self)
            let context = TraceContext(
                traceID: .random(), spanID: .random(), flags: 0xFF, traceState: "a=" + noise, baggage: "b=" + noise)
            for header in [context.traceParent, context.traceState ?? "", context.baggage ?? ""] {
                #expect(header.utf8.allSatisfy { $0 == 9 || (0x20...0x7E).contains($0) })
            }
        }
    }

    @Test("a propagator carries what it was told to, and marks what it read as remote")
    func propagator() {
        let trace = TraceContext(traceID: .random(), spanID: .random(), flags: 1, traceState: "a=1", baggage: "b=2")
        var context = ServiceContext.topLevel
        context.traceContext = trace
        for formats: Set<PropagationFormat> in [[], [.traceContext], [.baggage], [.traceContext, .baggage]] {
            var carrier: [String: String] = [:]
            W3CPropagator(formats).inject(context, into: &carrier, using: Fields())
            #expect((carrier["traceparent"] != nil) == formats.contains(.traceContext))
            #expect((carrier["baggage"] != nil) == formats.contains(.baggage))
            var read = ServiceContext.topLevel
            W3CPropagator(formats).extract(
                ["traceparent": trace.traceParent, "baggage": "b=2"], into: &read, using: Fields())
            #expect((read.traceContext != nil) == formats.contains(.traceContext))
            #expect(read.traceContext?.baggage == (formats.count == 2 ? "b=2" : nil))
            #expect(read.tracePosition?.isRemote ?? true)
        }
    }
}

private struct Fields: Injector, Extractor {
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
}
