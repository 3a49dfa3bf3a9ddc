internal import CoreMetrics
internal import Synchronization

/// One series of a counter of an amount, such as seconds. Look it up once (`family.child(…)`) and hold it.
///
/// Recording takes no lock and allocates nothing, on any thread. An amount that is negative, infinite or not a number is
/// refused and counted in `spanq_metrics_rejected_total`: any of them would spoil the sum for good.
public final class FloatingCounterSeries: Sendable {
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
    public func increment(by amount: Double) {
        guard words.isEnabled else { return }
        guard amount >= 0, amount < .infinity else { return tally.countRejection() }
        words.add(amount, at: 0)
        mirror?.increment(by: amount)
    }

    /// Counts `amount` and leaves an exemplar of the span it happened in, where the family keeps exemplars.
    public func increment(by amount: Double, exemplar source: ExemplarSource) {
        guard words.isEnabled else { return }
        guard amount >= 0, amount < .infinity else { return tally.countRejection() }
        words.add(amount, at: 0)
        mirror?.increment(by: amount)
        exemplars.offer(amount, from: source, at: 0)
    }

    /// What was counted so far, by all threads.
    public var value: Double { words.floatingTotal(at: 0) }

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
