// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueOTLP
import SpanQueueTelemetry

/// What a span costs from its start until it is in the queue of the exporter, and what it costs where it is not sampled.
struct Spans {
    private static let aimSampledNanoseconds = 500.0
    private static let aimUnsampledNanoseconds = 60.0
    private static let calls = 100_000

    // The queue takes every span of all rounds: what a full one refuses is cheaper than what one takes.
    private let processor = BatchProcessor<[SpanData]>(
        BatchLimits(queueSize: 50_000_000, batchSize: 512), exporter: DiscardingExporter())

    func run() async {
        ids()
        unsampled()
        let tracer = SpanQueueTracer(processor: processor)
        let parent = TraceContext.root()
        sampled("span start to queue, no attributes") {
            tracer.startSpan("process emails", kind: .consumer, parent: parent).end()
        }
        await drain()
        sampled("span start to queue, 8 attributes") {
            let span = tracer.startSpan(
                "process emails", kind: .consumer, parent: parent, attributes: SampleSpan.attributes)
            span.end()
        }
        await drain()
        sampled("span start to queue, 8 built, 1 set") {
            let span = tracer.startSpan(
                "process \(SampleSpan.queue)", kind: .consumer, parent: parent,
                attributes: SampleSpan.builtAttributes())
            span.set("spanq.job.max_attempts", to: 6)
            span.end()
        }
        await drain()
        let built = SampleSpan.make()
        sampled("submit of a span that is built") { tracer.submit(built) }
        await drain()
    }

    private func ids() {
        let calls = 5_000_000
        var mixed: UInt64 = 0
        Measurement(calls: calls) { for _ in 0..<calls { mixed &+= SpanID.random().value } }.report("span id")
        Measurement(calls: calls) { for _ in 0..<calls { mixed &+= TraceID.random().low } }.report("trace id")
        Kept.bits = mixed
    }

    private func unsampled() {
        let calls = 2_000_000
        var mixed: UInt64 = 0
        let never = SpanQueueTracer(sampler: .alwaysOff, processor: processor)
        Measurement(calls: calls) {
            for _ in 0..<calls {
                let span = never.startSpan("process emails", attributes: SampleSpan.builtAttributes())
                span.set("spanq.job.max_attempts", to: 6)
                span.end()
                mixed &+= span.context.spanID.value
            }
        }.report("unsampled root span", aimNanoseconds: Self.aimUnsampledNanoseconds)
        let byParent = SpanQueueTracer(processor: processor)
        var parent = TraceContext.root()
        parent.flags = 0b10
        Measurement(calls: calls) { [parent] in
            for _ in 0..<calls {
                let span = byParent.startSpan(
                    "process emails", parent: parent, attributes: SampleSpan.builtAttributes())
                span.end()
                mixed &+= span.context.spanID.value
            }
        }.report("unsampled child span", aimNanoseconds: Self.aimUnsampledNanoseconds)
        Kept.bits = mixed
    }

    private func sampled(_ name: String, _ body: () -> Void) {
        // A recorded span has to be allocated; the count shows how often.
        Measurement(calls: Self.calls) { for _ in 0..<Self.calls { body() } }
            .report(name, aimNanoseconds: Self.aimSampledNanoseconds, mayAllocate: true)
    }

    private func drain() async {
        _ = await processor.flush(within: .seconds(60))
    }
}

/// Where loops put what they computed, so that the compiler does not leave it out.
enum Kept {
    nonisolated(unsafe) static var bits: UInt64 = 0
}
