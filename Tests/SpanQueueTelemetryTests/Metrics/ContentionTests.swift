// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Synchronization
import Testing

@testable import SpanQueueTelemetry

@Suite("Recording from many threads")
struct ContentionTests {
    static let threads = 8
    /// Under the thread sanitizer, set SPANQ_RECORDINGS to less: it costs twenty times.
    static let recordings = ProcessInfo.processInfo.environment["SPANQ_RECORDINGS"].flatMap { Int($0) } ?? 1_000_000

    @Test("eight threads count exactly")
    func counters() throws {
        let registry = MetricsRegistry()
        let counter = try registry.counter("c_total", help: "").child()
        let floating = try registry.floatingCounter("f_total", help: "").child()
        let gauge = try registry.gauge("g", help: "").child()
        onThreads(Self.threads) { _ in
            for _ in 0..<Self.recordings {
                counter.increment()
                floating.increment(by: 0.5)
                gauge.increment(by: 2)
                gauge.decrement(by: 1)
            }
        }
        let total = Self.threads * Self.recordings
        #expect(counter.value == Int64(total))
        #expect(floating.value == Double(total) / 2)
        #expect(gauge.value == Double(total))
    }

    @Test("eight threads observe exactly, bucket by bucket, and what is scraped meanwhile adds up and never falls")
    func histogram() throws {
        let registry = MetricsRegistry()
        let bounds: [Double] = [1, 2, 3, 4, 5, 6, 7]
        let histogram = try registry.histogram("h", help: "", buckets: bounds, exemplars: true).child()
        let source = ExemplarSource(traceID: .random(), spanID: .random(), isSampled: true)
        let isDone = Atomic<Bool>(false)
        let scraper = DispatchGroup()
        let falls = Atomic<Int>(0)
        withExtendedLifetime(isDone) {
            scraper.enter()
            Thread.detachNewThread {
                var last = HistogramValue(bounds: [], bucketCounts: Array(repeating: 0, count: 8), sum: 0)
                while !isDone.load(ordering: .acquiring) {
                    let value = histogram.value
                    let fell = zip(value.bucketCounts, last.bucketCounts).contains { $0 < $1 } || value.sum < last.sum
                    if fell { falls.wrappingAdd(1, ordering: .relaxed) }
                    last = value
                }
                scraper.leave()
            }
            onThreads(Self.threads) { thread in
                for _ in 0..<Self.recordings { histogram.record(Double(thread + 1), exemplar: source) }
            }
            isDone.store(true, ordering: .releasing)
            scraper.wait()
        }
        let value = histogram.value
        #expect(falls.load(ordering: .relaxed) == 0)
        #expect(value.bucketCounts == Array(repeating: UInt64(Self.recordings), count: 8))
        #expect(value.count == UInt64(Self.threads * Self.recordings))
        #expect(value.sum == Double(36 * Self.recordings))
    }

    @Test("threads that look up the same labels get one series")
    func lookups() throws {
        let family = try MetricsRegistry().counter("c_total", help: "", labels: ["a"])
        onThreads(Self.threads) { _ in
            for index in 0..<1_000 { family.child("\(index % 100)").increment() }
        }
        #expect(family.seriesCount == 100)
        #expect(family.child("7").value == 80)
    }
}
