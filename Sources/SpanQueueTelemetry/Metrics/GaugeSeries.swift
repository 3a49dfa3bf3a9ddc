internal import CoreMetrics
internal import Synchronization

/// One series of a gauge. Look it up once (`family.child(…)`) and hold it.
///
/// Recording takes no lock and allocates nothing, on any thread. Any value is kept, NaN and the infinities too: both
/// formats can say them.
public final class GaugeSeries: Sendable {
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
    public func set(_ value: Double) {
        guard isEnabled else { return }
        bits.store(value.bitPattern, ordering: .relaxed)
        mirror?.set(value)
    }

    /// Makes `value` the value.
    public func set(_ value: Int) {
        set(Double(value))
    }

    /// Makes the time of day the value, in seconds since the Unix epoch.
    public func setToCurrentTime() {
        set(Double(SystemClock.now()) / 1e9)
    }

    /// Raises the value by `amount`, or lowers it by a negative one.
    public func increment(by amount: Double = 1) {
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
    public func decrement(by amount: Double = 1) {
        increment(by: -amount)
    }

    /// The value.
    public var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func point() -> MetricPoint {
        MetricPoint(labels: labels, value: .double(value))
    }
}
