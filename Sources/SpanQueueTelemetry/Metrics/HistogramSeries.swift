// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import CoreMetrics
internal import Synchronization

/// One series of a histogram. Look it up once (`family.child(…)`) and hold it.
///
/// Recording is a binary search over the bounds and two atomic additions: one bucket and the sum. It takes no lock and
/// allocates nothing, on any thread. A value that is negative, infinite or not a number is refused and counted in
/// `spanq_metrics_rejected_total`: the first would let the sum fall, which must not happen to what `rate()` reads, and the others
/// would spoil it for good.
///
/// Buckets are counted apart; the cumulative counts of the exposition are made at scrape, and the count is their sum,
/// so that it always equals the +Inf bucket.
///
/// `@unchecked Sendable`: everything is set once, the bounds are never written after, and the rest are atomics.
package final class HistogramSeries: @unchecked Sendable {
    private let words: ShardedWords
    private let exemplars: ExemplarSlots
    private let bounds: UnsafeMutablePointer<Double>
    private let boundCount: Int
    private let definition: FamilyDefinition
    private let labels: MetricLabels
    private let mirror: (any RecorderHandler)?
    private let tally: FamilyTally
    private let start: Atomic<UInt64>

    init(_ context: SeriesContext) {
        definition = context.definition
        boundCount = definition.buckets.count
        bounds = .allocate(capacity: boundCount)
        _ = UnsafeMutableBufferPointer(start: bounds, count: boundCount).initialize(fromContentsOf: definition.buckets)
        // The sum comes first: it shares a cache line with the lowest buckets, where most observations fall.
        words = ShardedWords(count: 1 + boundCount + 1, isEnabled: context.isEnabled)
        exemplars = ExemplarSlots(
            count: definition.keepsExemplars ? boundCount + 1 : 0, filter: context.exemplarFilter)
        labels = context.labels
        mirror = context.mirror?.makeRecorder(
            label: context.definition.openTelemetryName, dimensions: context.dimensions, aggregate: true)
        tally = context.tally
        start = Atomic(context.startUnixNanoseconds)
    }

    deinit {
        bounds.deallocate()
    }

    /// Records one observation.
    package func record(_ value: Double) {
        guard words.isEnabled else { return }
        guard value >= 0, value < .infinity else { return tally.countRejection() }
        add(value, to: bucket(of: value))
    }

    /// Records one observation and leaves an exemplar of the span it was made in, where the family keeps exemplars.
    package func record(_ value: Double, exemplar source: ExemplarSource) {
        guard words.isEnabled else { return }
        guard value >= 0, value < .infinity else { return tally.countRejection() }
        let bucket = bucket(of: value)
        add(value, to: bucket)
        exemplars.offer(value, from: source, at: bucket)
    }

    /// Records a duration in seconds.
    package func record(_ duration: Duration) {
        record(duration / .seconds(1))
    }

    /// What was observed so far, by all threads.
    package var value: HistogramValue {
        let counts = (0...boundCount).map { words.total(at: 1 + $0) }
        return HistogramValue(
            bounds: definition.buckets, bucketCounts: counts, sum: words.floatingTotal(at: 0),
            exemplars: (0..<exemplars.count).map { exemplars.load(at: $0) })
    }

    /// The index of the first bound that is not below `value`; the number of bounds where all are.
    @inline(__always)
    private func bucket(of value: Double) -> Int {
        var low = 0
        var length = boundCount
        while length > 0 {
            let half = length &>> 1
            let isAbove = bounds[low &+ half] < value
            low = isAbove ? low &+ half &+ 1 : low
            length = isAbove ? length &- half &- 1 : half
        }
        return low
    }

    @inline(__always)
    private func add(_ value: Double, to bucket: Int) {
        words.count(1, at: 1 &+ bucket)
        words.add(value, at: 0)
        mirror?.record(value)
    }

    func point() -> MetricPoint {
        MetricPoint(labels: labels, value: .histogram(value), startUnixNanoseconds: start.load(ordering: .relaxed))
    }
}

/// Standard bounds of histogram buckets, in seconds.
package enum MetricBuckets {
    /// How long jobs wait and run: 1 ms to 1 h.
    package static let jobSeconds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600,
    ]

    /// Round trips of an engine: 50 µs to 10 s.
    package static let roundTripSeconds: [Double] = [
        0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    static func check(_ bounds: [Double], of family: String) throws(MetricsError) {
        let isRising = zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }
        guard let first = bounds.first, let last = bounds.last, isRising, first >= 0, last < .infinity else {
            throw MetricsError(
                .invalidBuckets, family,
                "bounds are at least one finite number, none negative, each above the one before; +Inf is added")
        }
    }
}
