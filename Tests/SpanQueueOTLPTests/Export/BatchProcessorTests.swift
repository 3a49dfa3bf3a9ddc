// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueOTLP
@testable import SpanQueueTelemetry

@Suite("The batch processor")
struct BatchProcessorTests {
    @Test("a full queue drops and counts, and takes items again when there is room")
    func full() async {
        let exporter = CollectingExporter<Int>()
        let processor = BatchProcessor(BatchLimits(queueSize: 10, batchSize: 4), exporter: exporter)
        for item in 0..<25 { processor.submit(item) }
        #expect(processor.statistics.queueSize == 10 && processor.statistics.processed == ["queue_full": 15])
        #expect(await processor.flush(within: .seconds(5)) == .ok)
        processor.submit(99)
        #expect(await processor.flush(within: .seconds(5)) == .ok)
        #expect(exporter.collected == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [99]])
        #expect(
            processor.statistics.processed == ["queue_full": 15, "": 11] && processor.statistics.exported == ["": 11])
    }

    @Test(
        "a full batch is exported at once, what does not fill one after the delay",
        arguments: [
            (Duration.seconds(3600), [[0, 1, 2]]), (.milliseconds(1), [[0, 1, 2], [3]]),
        ])
    func running(_ delay: Duration, exported: [[Int]]) async throws {
        let exporter = CollectingExporter<Int>()
        let processor = BatchProcessor(
            BatchLimits(queueSize: 100, batchSize: 3, scheduleDelay: delay), exporter: exporter)
        try await withThrowingTaskGroup { group in
            group.addTask { await processor.run() }
            for item in 0..<4 { processor.submit(item) }
            try await until { exporter.items.count == exported.joined().count }
            #expect(exporter.collected.joined().elementsEqual(exported.joined()))
            group.cancelAll()
        }
    }

    @Test("exports never overlap, whoever asks for them")
    func oneAtATime() async {
        let exporter = CollectingExporter<Int>(delay: .milliseconds(2))
        let processor = BatchProcessor(
            BatchLimits(queueSize: 100_000, batchSize: 10, scheduleDelay: .milliseconds(1)), exporter: exporter)
        await withTaskGroup { group in
            group.addTask { await processor.run() }
            for producer in 0..<8 {
                group.addTask {
                    for item in 0..<100 {
                        processor.submit(producer * 100 + item)
                        if item % 20 == 0 { _ = await processor.flush(within: .seconds(10)) }
                    }
                }
            }
            for _ in 0..<8 { await group.next() }
            #expect(await processor.shutdown(within: .seconds(10)) == .ok)
        }
        #expect(exporter.items.sorted() == Array(0..<800))
        #expect(exporter.mostAtOnce == 1)
    }

    @Test("a flush gives up at its limit, a shutdown drops and counts what is left")
    func hanging() async {
        let processor = BatchProcessor(
            BatchLimits(queueSize: 10, batchSize: 2), exporter: CollectingExporter<Int>(delay: .seconds(60)))
        for item in 0..<6 { processor.submit(item) }
        let clock = ContinuousClock()
        let start = clock.now
        #expect(await processor.flush(within: .milliseconds(50)) == .timedOut)
        #expect(await processor.shutdown(within: .milliseconds(50)) == .timedOut)
        #expect(clock.now - start < Crowd.allows(.seconds(2)))
        processor.submit(7)
        #expect(processor.statistics.processed == ["": 4, "shutdown": 3])
        #expect(processor.statistics.exported == ["cancelled": 4] && processor.statistics.queueSize == 0)
    }

    @Test(
        "a flush says that something was not taken",
        arguments: [
            ExportOutcome.failed(errorType: "400"), .exported(rejected: 1),
        ])
    func failed(_ outcome: ExportOutcome) async {
        let processor = BatchProcessor(exporter: CollectingExporter<Int>(outcome: outcome))
        processor.submit(1)
        #expect(await processor.flush(within: .seconds(5)) == .failed)
        #expect(await processor.flush(within: .seconds(5)) == .ok, "nothing is left to fail")
    }

    @Test("a flush ends although items keep coming")
    func endless() async {
        let exporter = CollectingExporter<Int>()
        let processor = BatchProcessor(BatchLimits(queueSize: 1000, batchSize: 10), exporter: exporter)
        await withTaskGroup { group in
            group.addTask {
                while !Task.isCancelled {
                    processor.submit(1)
                    await Task.yield()
                }
            }
            for _ in 0..<100 { #expect(await processor.flush(within: .seconds(10)) == .ok) }
            group.cancelAll()
        }
    }

    @Test("from eight threads at once every item is exported or counted as dropped, and spans of all are whole")
    func contention() async {
        let exporter = CollectingExporter<SpanData>()
        let processor = BatchProcessor(
            BatchLimits(queueSize: 512, batchSize: 64, scheduleDelay: .milliseconds(1)), exporter: exporter)
        let tracer = SpanQueueTracer(sampler: .alwaysOn, processor: processor)
        await withTaskGroup { group in
            group.addTask { await processor.run() }
            let shared = tracer.startSpan("shared")
            for producer in 0..<8 {
                group.addTask {
                    for item in 0..<2_000 {
                        let span = tracer.startSpan("s", attributes: ["producer": .int(producer)])
                        span.set("item", to: .int(item))
                        span.end()
                        shared.set("item", to: .int(item))
                        _ = processor.statistics
                    }
                }
            }
            for _ in 0..<8 { await group.next() }
            shared.end()
            #expect(await processor.shutdown(within: .seconds(10)) == .ok)
        }
        let statistics = processor.statistics
        #expect(exporter.items.count == statistics.processed["", default: 0])
        #expect(statistics.processed.values.reduce(0, +) == 16_001 && tracer.startedSpans.sampled == 16_001)
        #expect(exporter.items.allSatisfy { $0.name == "shared" || $0.attributes.count == 2 })
    }
}

/// Waits for a condition, ten seconds at most.
func until(_ condition: () async -> Bool) async throws {
    for _ in 0..<2_000 {
        if await condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record("the condition did not come true")
}
