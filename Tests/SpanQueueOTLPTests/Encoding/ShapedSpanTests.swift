// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueOTLP
@testable import SpanQueueTelemetry

@Suite("Spans of a known shape")
struct ShapedSpanTests {
    private static let encodings: [any OTLPEncoding] = [OTLPJSONEncoding(), OTLPProtobufEncoding()]

    /// A span with chosen parts, and the parts.
    private struct Sample {
        let name: String
        let shared: Attributes
        let own: Int
        let links: Int
        let parent: SpanID?
        let status: SpanData.Status
        let context: TraceContext
        let keptBecause: KeepReason?

        func span(_ encoding: any OTLPEncoding) -> ShapedSpan {
            let shape = SpanShape(
                name: name, kind: .consumer, attributes: shared, written: encoding.written(name, .consumer, shared))
            return ShapedSpan(
                shape, context: context, parent: parent, isParentRemote: true,
                startNanoseconds: 1_763_692_800_123_456_789, endNanoseconds: .max, status: status)
        }

        func write(_ parts: any SpanPartWriter) {
            if own > 0 { parts.attribute("text", Samples.hostileText) }
            if own > 1 { parts.attribute("least", Int64.min) }
            if own > 2 { parts.attribute("share", 0.25) }
            if own > 3 { parts.attribute("yes", true) }
            if own > 4 { parts.attribute("no", false) }
            for number in 0..<links { parts.link(number == 0 ? Samples.root : context, isRemote: number == 0) }
        }

        /// The same span as a value.
        func value(_ encoding: any OTLPEncoding) -> SpanData {
            var data = SpanData(span(encoding), write)
            if let keptBecause { data.attributes[KeepReason.attributeKey] = .string(keptBecause.rawValue) }
            return data
        }
    }

    /// Each combination of what may be there or not.
    private static let samples: [Sample] = {
        let statuses: [SpanData.Status] = [.unset, .ok, .error(""), .error("no \"luck\"")]
        var samples: [Sample] = []
        for shared: Attributes in [[:], ["messaging.system": "spanqueue", "a \"quoted\" key": 1]] {
            for own in [0, 1, 5] {
                for links in 0...2 {
                    for reason in [nil, KeepReason.error] {
                        let isBare = samples.count.isMultiple(of: 2)
                        samples.append(
                            Sample(
                                name: isBare ? "s" : Samples.hostileText, shared: shared, own: own, links: links,
                                parent: isBare ? nil : .random(),
                                status: statuses[samples.count % 4],
                                context: isBare
                                    ? .root()
                                    : TraceContext(
                                        traceID: .random(), spanID: .random(), flags: 0, traceState: "a=1"),
                                keptBecause: reason))
                    }
                }
            }
        }
        return samples
    }()

    @Test("are written byte for byte as those that come as values", arguments: [0, 1])
    func bytes(encoding: Int) throws {
        let encoding = Self.encodings[encoding]
        let (direct, values) = (encoding.spanWriter(Samples.resource), encoding.spanWriter(Samples.resource))
        var (written, expected) = (EncodedSpans(), EncodedSpans())
        for sample in Self.samples {
            direct.write(sample.span(encoding), markedAs: sample.keptBecause, sample.write, to: &written)
            values.write(sample.value(encoding), to: &expected)
            try #require(written == expected, "\(sample)")
        }
        #expect(written.count == Self.samples.count)
        // The writer has no memory of what it wrote before.
        var again = EncodedSpans()
        direct.write(
            Self.samples[0].span(encoding), markedAs: nil, Self.samples[0].write, to: &again)
        #expect(
            encoding.request(again, resource: Samples.resource)
                == encoding.encode([Self.samples[0].value(encoding)], resource: Samples.resource))
    }

    @Test("a request of many is what the official parser understands", .enabled(if: OTLPCheck.python != nil))
    func understood() throws {
        let bodies = Self.encodings.map { encoding in
            let writer = encoding.spanWriter(Samples.resource)
            var batch = EncodedSpans()
            for sample in Self.samples {
                writer.write(sample.span(encoding), markedAs: sample.keptBecause, sample.write, to: &batch)
            }
            return encoding.request(batch, resource: Samples.resource)
        }
        #expect(try OTLPCheck.problem("traces", bodies[0]) == nil)
        #expect(
            try OTLPCheck.digest("traces", bodies[1], isProtobuf: true)
                == OTLPCheck.digest("traces", bodies[0], isProtobuf: false))
    }
}

@Suite("The batch processor of spans")
struct SpanBatchProcessorTests {
    private func processor(
        _ exporter: CollectedBatches, queueSize: Int = 100_000, batchSize: Int = 4
    ) -> SpanBatchProcessor {
        SpanBatchProcessor(
            BatchLimits(queueSize: queueSize, batchSize: batchSize, scheduleDelay: .milliseconds(1)),
            as: OTLPJSONEncoding(), of: Samples.resource, exporter: exporter)
    }

    @Test("its batches are whole requests, of spans that came either way, in their order")
    func requests() async {
        let exporter = CollectedBatches()
        let processor = processor(exporter)
        let tracer = SpanQueueTracer(sampler: .alwaysOn, processor: processor)
        let shape = tracer.shape("process q", kind: .consumer, attributes: ["messaging.system": "spanqueue"])
        var spans: [SpanData] = []
        for number in 0..<10 {
            let span = ShapedSpan(shape, context: .root(), startNanoseconds: 1, endNanoseconds: 2)
            let parts = { (parts: any SpanPartWriter) in parts.attribute("number", Int64(number)) }
            spans.append(SpanData(span, parts))
            if number.isMultiple(of: 3) { tracer.submit(spans[number]) } else { tracer.submit(span, parts) }
        }
        #expect(await processor.flush(within: .seconds(5)) == .ok)
        let requests = [spans[0..<4], spans[4..<8], spans[8..<10]].map {
            OTLPJSONEncoding().encode(Array($0), resource: Samples.resource)
        }
        #expect(exporter.batches.map { OTLPJSONEncoding().request($0, resource: Samples.resource) } == requests)
        #expect(processor.statistics.exported == ["": 10] && tracer.startedSpans.sampled == 10)
    }

    @Test("a full queue asks a span for nothing, and counts it")
    func full() {
        let processor = processor(CollectedBatches(), queueSize: 3)
        let tracer = SpanQueueTracer(sampler: .alwaysOn, processor: processor)
        let shape = tracer.shape("process q", kind: .consumer, attributes: [:])
        var asked = 0
        for _ in 0..<5 {
            let span = ShapedSpan(shape, context: .root(), startNanoseconds: 1, endNanoseconds: 2)
            tracer.submit(span) { _ in asked += 1 }
        }
        #expect(asked == 3 && processor.statistics.processed == ["queue_full": 2])
    }

    @Test("what is not sampled is dropped, or kept for a reason and marked")
    func kept() async throws {
        let exporter = CollectedBatches()
        let processor = processor(exporter)
        let tracer = SpanQueueTracer(sampler: .alwaysOff, processor: processor)
        let shape = tracer.shape("process q", kind: .consumer, attributes: [:])
        let context = tracer.makeContext()
        let span = ShapedSpan(shape, context: context, startNanoseconds: 1, endNanoseconds: 2)
        tracer.submit(span) { _ in }
        tracer.submit(span, keptBecause: .slow) { _ in }
        #expect(await processor.flush(within: .seconds(5)) == .ok)
        let body = try #require(exporter.batches.first).bytes
        #expect(exporter.batches.map(\.count) == [1])
        #expect(
            String(decoding: body, as: UTF8.self).contains(
                #""attributes":[{"key":"spanq.sampled.by","value":{"stringValue":"slow"}}]}]}]}]}"#))
    }

    @Test("narrow limits hold for such spans too")
    func limits() async throws {
        let exporter = CollectedBatches()
        let processor = processor(exporter)
        var limits = SpanLimits()
        limits.attributes = AttributeLimits(count: 3, valueLength: 4)
        limits.links = 1
        let tracer = SpanQueueTracer(sampler: .alwaysOn, limits: limits, processor: processor)
        let shape = tracer.shape("process q", kind: .consumer, attributes: ["messaging.system": "spanqueue"])
        let context = TraceContext.root()
        tracer.submit(ShapedSpan(shape, context: context, startNanoseconds: 1, endNanoseconds: 2)) { parts in
            for key: StaticString in ["a", "b", "c"] { parts.attribute(key, "number") }
            for _ in 0..<2 { parts.link(context, isRemote: false) }
        }
        #expect(await processor.flush(within: .seconds(5)) == .ok)
        var cut = SpanData(
            name: "process q", kind: .consumer, context: context, startNanoseconds: 1, endNanoseconds: 2,
            attributes: ["messaging.system": "span", "a": "numb", "b": "numb"], links: [SpanData.Link(context)])
        (cut.droppedAttributes, cut.droppedLinks) = (1, 1)
        #expect(
            try #require(exporter.batches.first).bytes
                == OTLPJSONEncoding().encode([cut], resource: Samples.resource))
    }

    @Test("from eight threads at once every span is exported whole", .enabled(if: OTLPCheck.python != nil))
    func contention() async throws {
        let exporter = CollectedBatches()
        let processor = processor(exporter, batchSize: 512)
        let tracer = SpanQueueTracer(sampler: .alwaysOn, processor: processor)
        let shape = tracer.shape("process q", kind: .consumer, attributes: ["messaging.system": "spanqueue"])
        await withTaskGroup { group in
            group.addTask { await processor.run() }
            for producer in 0..<8 {
                group.addTask {
                    for item in 0..<500 {
                        if item.isMultiple(of: 5) { tracer.startSpan("s", attributes: ["item": .int(item)]).end() }
                        let span = ShapedSpan(shape, context: .root(), startNanoseconds: 1, endNanoseconds: 2)
                        tracer.submit(span) { parts in
                            parts.attribute("producer", Int64(producer))
                            parts.attribute("item", Int64(item))
                            parts.link(span.context, isRemote: false)
                        }
                    }
                }
            }
            for _ in 0..<8 { await group.next() }
            #expect(await processor.shutdown(within: .seconds(10)) == .ok)
        }
        #expect(exporter.batches.reduce(0) { $0 + $1.count } == 8 * 600)
        for batch in exporter.batches { #expect(try OTLPCheck.problem("traces", batch.bytes) == nil) }
    }
}
