// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Synchronization
import Testing

@testable import SpanQueueTelemetry

@Suite("Exemplars")
struct ExemplarTests {
    private static func source(sampled: Bool = true) -> ExemplarSource {
        ExemplarSource(traceID: .random(), spanID: .random(), isSampled: sampled)
    }

    @Test("a reader never sees half of one writer's exemplar and half of another's")
    func torn() throws {
        let histogram = SharedSlots()
        let isDone = Atomic<Bool>(false)
        let torn = Atomic<Int>(0)
        let seen = Atomic<Int>(0)
        let reader = DispatchGroup()
        withExtendedLifetime(isDone) {
            reader.enter()
            Thread.detachNewThread {
                // At least once, since the writers may be done before this thread has begun.
                repeat {
                    guard let exemplar = histogram.slots.load(at: 0) else { continue }
                    seen.wrappingAdd(1, ordering: .relaxed)
                    let word = exemplar.spanID.value
                    let isWhole =
                        exemplar.traceID.high == word && exemplar.traceID.low == word
                        && exemplar.value == Double(word) && exemplar.timeUnixNanoseconds == word
                    if !isWhole { torn.wrappingAdd(1, ordering: .relaxed) }
                } while !isDone.load(ordering: .acquiring)
                reader.leave()
            }
            onThreads(4) { thread in
                for index in 1...200_000 {
                    let word = UInt64(thread * 1_000_000 + index) | 1
                    guard let spanID = SpanID(word), let traceID = TraceID(high: word, low: word) else { continue }
                    let source = ExemplarSource(traceID: traceID, spanID: spanID, isSampled: true)
                    histogram.slots.store(Double(word), from: source, timeUnixNanoseconds: word, at: 0)
                }
            }
            isDone.store(true, ordering: .releasing)
            reader.wait()
        }
        #expect(torn.load(ordering: .relaxed) == 0)
        #expect(seen.load(ordering: .relaxed) > 0)
    }

    /// Slots are not copyable, and a closure needs something to hold.
    private final class SharedSlots: Sendable {
        let slots = ExemplarSlots(count: 1, filter: .sampled)
    }

    @Test("an exemplar stands at the bucket its value falls into, and only sampled spans leave one")
    func buckets() throws {
        let histogram = try MetricsRegistry()
            .histogram("h", help: "", buckets: [1, 2], exemplars: true).child()
        let source = Self.source()
        histogram.record(1.0, exemplar: source)
        histogram.record(2.5, exemplar: source)
        histogram.record(1.5, exemplar: Self.source(sampled: false))
        let exemplars = histogram.value.exemplars
        #expect(exemplars.map { $0?.value } == [1.0, nil, 2.5])
        #expect(exemplars[0]?.traceID == source.traceID)
        #expect(exemplars[2]?.spanID == source.spanID)
    }

    @Test("the filter decides: always takes unsampled spans, never takes none")
    func filter() throws {
        for (filter, expected) in [(ExemplarFilter.always, 1), (.never, 0), (.sampled, 0)] {
            var configuration = MetricsRegistryConfiguration()
            configuration.exemplarFilter = filter
            let counter = try MetricsRegistry(configuration).counter("c", help: "", exemplars: true).child()
            counter.increment(exemplar: Self.source(sampled: false))
            #expect(counter.point().exemplar == nil ? expected == 0 : expected == 1)
            #expect(counter.value == 1)
        }
    }

    @Test("a family that keeps no exemplars records all the same")
    func none() throws {
        let histogram = try MetricsRegistry().histogram("h", help: "", buckets: [1]).child()
        histogram.record(0.5, exemplar: Self.source())
        #expect(histogram.value.count == 1)
        #expect(histogram.value.exemplars.isEmpty)
    }
}
