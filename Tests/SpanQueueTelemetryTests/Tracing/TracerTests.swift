// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueTelemetry

@Suite("The tracer")
struct TracerTests {
    @Test("a root and its child share a trace, and the child names its parent")
    func family() async {
        let fixture = TracerFixture()
        let root = fixture.tracer.startSpan("root", kind: .producer, attributes: ["a": 1])
        let child = fixture.tracer.startSpan("child", parent: root.context)
        child.end()
        root.end()
        let spans = fixture.exported()
        #expect(spans.map(\.name) == ["child", "root"])
        #expect(spans[0].parent == root.context.spanID && spans[1].parent == nil)
        #expect(spans[0].context.traceID == spans[1].context.traceID)
        #expect(spans[1].attributes["a"] == 1)
        #expect(root.context.flags == 0b11)
    }

    @Test("a span that is not sampled has ids, asks for nothing, and is not exported")
    func unsampled() async {
        let fixture = TracerFixture(.alwaysOff)
        let span = fixture.tracer.startSpan(
            {
                Issue.record("asked for the name"); return ""
            }(),
            startNanoseconds: {
                Issue.record("asked for the time"); return 1
            }(),
            attributes: {
                Issue.record("asked for attributes"); return [:]
            }())
        span.set(
            "a",
            to: {
                Issue.record("asked for a value"); return 1
            }())
        span.end()
        #expect(!span.isRecording && !span.context.isSampled)
        #expect(fixture.exported().isEmpty)
        #expect(fixture.tracer.startedSpans == StartedSpans(dropped: 1))
    }

    @Test("a span that was not sampled is exported when there is a reason, and says so", arguments: KeepReason.allCases)
    func kept(_ reason: KeepReason) async {
        let fixture = TracerFixture(.alwaysOff)
        let live = fixture.tracer.startSpan("live", recordsUnsampled: true)
        live.keep(because: reason)
        live.end()
        fixture.tracer.startSpan("fine", recordsUnsampled: true).end()
        let context = fixture.tracer.makeContext()
        let built = SpanData(name: "built", context: context, startNanoseconds: 1, endNanoseconds: 2)
        fixture.tracer.submit(built)
        fixture.tracer.submit(built, keptBecause: reason)
        let spans = fixture.exported()
        #expect(spans.map(\.name) == ["live", "built"])
        #expect(
            spans.allSatisfy { $0.attributes["spanq.sampled.by"] == .string(reason.rawValue) && !$0.context.isSampled })
    }

    @Test("a sampled span that is kept as well is not marked")
    func keptAndSampled() async {
        let fixture = TracerFixture(.alwaysOn)
        let span = fixture.tracer.startSpan("s", recordsUnsampled: true)
        span.keep(because: .error)
        span.end()
        #expect(fixture.exported().first?.attributes.isEmpty == true)
    }

    @Test("ids and times that are given are taken")
    func given() async throws {
        let fixture = TracerFixture()
        let (trace, id) = (TraceID.random(), SpanID.random())
        let span = fixture.tracer.startSpan("wait q", traceID: trace, spanID: id, startNanoseconds: 100)
        span.end(atNanoseconds: 50)
        let exported = try #require(fixture.exported().first)
        #expect(exported.context.traceID == trace && exported.context.spanID == id)
        #expect(exported.context.flags == 0b01, "a given id is not known to be random")
        #expect(
            exported.startNanoseconds == 100 && exported.endNanoseconds == 100, "an end before the start is the start")
    }

    @Test("what goes beyond the limits is dropped and counted")
    func limits() async throws {
        let few = AttributeLimits(count: 2, valueLength: 3)
        let fixture = TracerFixture(
            limits: SpanLimits(attributes: few, events: 2, eventAttributes: few, links: 2, linkAttributes: few))
        let many: Attributes = ["a": "ä𝄞cdef", "b": .strings(["12345"]), "c": 3]
        let span = fixture.tracer.startSpan("s", attributes: many, links: [SpanData.Link(.root(), attributes: many)])
        span.set("d", to: 4)
        span.set("a", to: "again")
        for _ in 0..<3 {
            span.add(SpanData.Event("e", attributes: many))
            span.add(SpanData.Link(.root()))
        }
        span.end()
        let exported = try #require(fixture.exported().first)
        #expect(exported.attributes == ["a": "aga", "b": .strings(["123"])])
        #expect(exported.droppedAttributes == 2)
        #expect(exported.events.count == 2 && exported.droppedEvents == 1 && exported.events[0].droppedAttributes == 1)
        #expect(exported.links.count == 2 && exported.droppedLinks == 2 && exported.links[0].droppedAttributes == 1)
        #expect(exported.links[0].attributes["a"] == "ä𝄞c")
    }

    @Test("after the end nothing changes, and a second end exports nothing")
    func ended() async throws {
        let fixture = TracerFixture()
        let span = fixture.tracer.startSpan("s")
        span.set(.ok)
        span.set(.error("late"))
        span.end()
        span.name = "other"
        span.set("a", to: 1)
        span.end()
        let spans = fixture.exported()
        #expect(spans.count == 1 && spans[0].name == "s" && spans[0].attributes.isEmpty && spans[0].status == .ok)
    }

    @Test("without an exporter spans have ids and a decision, and record nothing")
    func notExporting() {
        let span = SpanQueueTracer(sampler: .alwaysOn).startSpan("s")
        #expect(span.context.isSampled && !span.isRecording)
    }

    @Test("ids from many threads are all different")
    func ids() async {
        let ids = await withTaskGroup(of: [UInt64].self) { group in
            for _ in 0..<8 { group.addTask { (0..<50_000).map { _ in SpanID.random().value } } }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(ids).count == ids.count)
        let bits = (0..<64).map { bit in ids.filter { $0 >> UInt64(bit) & 1 == 1 }.count }
        #expect(bits.allSatisfy { abs($0 - ids.count / 2) < ids.count / 100 }, "each bit is set in about half of them")
    }
}
