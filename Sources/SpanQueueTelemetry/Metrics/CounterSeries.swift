internal import CoreMetrics
internal import Synchronization

/// One series of a counter of whole things. Look it up once (`family.child(…)`) and hold it.
///
/// Recording takes no lock and allocates nothing, on any thread. A negative amount is refused and counted in
/// `spanq_metrics_rejected_total`: a counter never falls.
public final class CounterSeries: Sendable {
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
    public func increment() {
        guard words.isEnabled else { return }
        words.count(1, at: 0)
        mirror?.increment(by: 1)
    }

    /// Counts `amount`.
    public func increment(by amount: Int) {
        guard words.isEnabled else { return }
        guard amount >= 0 else { return tally.countRejection() }
        words.count(UInt64(amount), at: 0)
        mirror?.increment(by: Int64(amount))
    }

    /// Counts `amount` and leaves an exemplar of the span it happened in, where the family keeps exemplars.
    public func increment(by amount: Int = 1, exemplar source: ExemplarSource) {
        increment(by: amount)
        if amount > 0 { exemplars.offer(Double(amount), from: source, at: 0) }
    }

    /// What was counted so far, by all threads.
    public var value: Int64 { Int64(clamping: words.total(at: 0)) }

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
