// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import CoreMetrics
internal import Synchronization

/// One series of a counter of whole things. Look it up once (`family.child(…)`) and hold it.
///
/// Recording takes no lock and allocates nothing, on any thread. A negative amount is refused and counted in
/// `spanq_metrics_rejected_total`: a counter never falls.
package final class CounterSeries: Sendable {
    private let words: ShardedWords
    private let exemplars: ExemplarSlots
    private let labels: MetricLabels
    private let mirror: (any CounterHandler)?
    private let tally: FamilyTally
    private let start: Atomic<UInt64>

    init(_ context: SeriesContext) {
        words = ShardedWords(count: 1, isEnabled: context.isEnabled)
        labels = context.labels
        mirror = context.mirror?.makeCounter(
            label: context.definition.openTelemetryName, dimensions: context.dimensions)
        tally = context.tally
        start = Atomic(context.startUnixNanoseconds)
        exemplars = ExemplarSlots(
            count: context.definition.keepsExemplars ? 1 : 0, filter: context.exemplarFilter)
    }

    /// Counts one.
    package func increment() {
        guard words.isEnabled else { return }
        words.count(1, at: 0)
        mirror?.increment(by: 1)
    }

    /// Counts `amount`.
    package func increment(by amount: Int) {
        guard words.isEnabled else { return }
        guard amount >= 0 else { return tally.countRejection() }
        words.count(UInt64(amount), at: 0)
        mirror?.increment(by: Int64(amount))
    }

    /// Counts `amount` and leaves an exemplar of the span it happened in, where the family keeps exemplars.
    package func increment(by amount: Int = 1, exemplar source: ExemplarSource) {
        increment(by: amount)
        if amount > 0 { exemplars.offer(Double(amount), from: source, at: 0) }
    }

    /// What was counted so far, by all threads.
    package var value: Int64 { Int64(clamping: words.total(at: 0)) }

    /// Starts again from 0, for swift-metrics, which asks for it; readers see a counter that was reset.
    func reset() {
        words.reset()
        start.store(SystemClock.now(), ordering: .relaxed)
    }

    func point() -> MetricPoint {
        MetricPoint(
            labels: labels, value: .integer(value), startUnixNanoseconds: start.load(ordering: .relaxed),
            exemplar: exemplars.load(at: 0))
    }
}

/// One series of a counter of an amount, such as seconds. Look it up once (`family.child(…)`) and hold it.
///
/// Recording takes no lock and allocates nothing, on any thread. An amount that is negative, infinite or not a number is
/// refused and counted in `spanq_metrics_rejected_total`: any of them would spoil the sum for good.
package final class FloatingCounterSeries: Sendable {
    private let words: ShardedWords
    private let exemplars: ExemplarSlots
    private let labels: MetricLabels
    private let mirror: (any FloatingPointCounterHandler)?
    private let tally: FamilyTally
    private let start: Atomic<UInt64>

    init(_ context: SeriesContext) {
        words = ShardedWords(count: 1, isEnabled: context.isEnabled)
        labels = context.labels
        mirror = context.mirror?.makeFloatingPointCounter(
            label: context.definition.openTelemetryName, dimensions: context.dimensions)
        tally = context.tally
        start = Atomic(context.startUnixNanoseconds)
        exemplars = ExemplarSlots(
            count: context.definition.keepsExemplars ? 1 : 0, filter: context.exemplarFilter)
    }

    /// Counts `amount`.
    package func increment(by amount: Double) {
        guard words.isEnabled else { return }
        guard amount >= 0, amount < .infinity else { return tally.countRejection() }
        words.add(amount, at: 0)
        mirror?.increment(by: amount)
    }

    /// Counts `amount` and leaves an exemplar of the span it happened in, where the family keeps exemplars.
    package func increment(by amount: Double, exemplar source: ExemplarSource) {
        guard words.isEnabled else { return }
        guard amount >= 0, amount < .infinity else { return tally.countRejection() }
        words.add(amount, at: 0)
        mirror?.increment(by: amount)
        exemplars.offer(amount, from: source, at: 0)
    }

    /// What was counted so far, by all threads.
    package var value: Double { words.floatingTotal(at: 0) }

    /// Starts again from 0, for swift-metrics, which asks for it; readers see a counter that was reset.
    func reset() {
        words.reset()
        start.store(SystemClock.now(), ordering: .relaxed)
    }

    func point() -> MetricPoint {
        MetricPoint(
            labels: labels, value: .double(value), startUnixNanoseconds: start.load(ordering: .relaxed),
            exemplar: exemplars.load(at: 0))
    }
}

/// One series of a gauge. Look it up once (`family.child(…)`) and hold it.
///
/// Recording takes no lock and allocates nothing, on any thread. Any value is kept, NaN and the infinities too: both
/// formats can say them.
package final class GaugeSeries: Sendable {
    private let bits = Atomic<UInt64>(0)
    private let labels: MetricLabels
    private let mirror: (any MeterHandler)?
    private let isEnabled: Bool

    init(_ context: SeriesContext) {
        labels = context.labels
        isEnabled = context.isEnabled
        mirror = context.mirror?.makeMeter(label: context.definition.openTelemetryName, dimensions: context.dimensions)
    }

    /// Makes `value` the value.
    package func set(_ value: Double) {
        guard isEnabled else { return }
        bits.store(value.bitPattern, ordering: .relaxed)
        mirror?.set(value)
    }

    /// Makes `value` the value.
    package func set(_ value: Int) {
        set(Double(value))
    }

    /// Makes the time of day the value, in seconds since the Unix epoch.
    package func setToCurrentTime() {
        set(Double(SystemClock.now()) / 1e9)
    }

    /// Raises the value by `amount`, or lowers it by a negative one.
    package func increment(by amount: Double = 1) {
        guard isEnabled else { return }
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { break }
            old = original
        }
        if amount < 0 { mirror?.decrement(by: -amount) } else { mirror?.increment(by: amount) }
    }

    /// Lowers the value by `amount`.
    package func decrement(by amount: Double = 1) {
        increment(by: -amount)
    }

    /// The value.
    package var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func point() -> MetricPoint {
        MetricPoint(labels: labels, value: .double(value))
    }
}

/// One series of an info: the constant 1, whose labels are what is said. There is nothing to record.
package final class InfoSeries: Sendable {
    private let labels: MetricLabels

    init(_ context: SeriesContext) {
        labels = context.labels
    }

    func point() -> MetricPoint {
        MetricPoint(labels: labels, value: .integer(1))
    }
}

/// A series that is looked up when it is first recorded into, and held from then on: until then it is not on the page and has
/// no memory. Reading it takes no lock.
package final class LazySeries<Series: AnyObject & Sendable>: Sendable {
    private let series = AtomicLazyReference<Series>()
    private let make: @Sendable () -> Series

    /// - Parameter make: looks the series up. Two threads may both do so at once, and get the same one.
    package init(_ make: @escaping @Sendable () -> Series) {
        self.make = make
    }

    /// The series.
    package var value: Series { series.load() ?? series.storeIfNil(make()) }
}
