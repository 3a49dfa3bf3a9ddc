internal import Synchronization

/// What a family did not record as asked, counted by all its series together.
final class FamilyTally: Sendable {
    /// Lookups that were answered with the overflow child, because the family had reached its cap.
    let overflowed = Atomic<UInt64>(0)
    /// Values that were refused: see `CounterSeries`, `FloatingCounterSeries` and `HistogramSeries`; and lookups with
    /// another number of label values than the family has labels.
    let rejected = Atomic<UInt64>(0)

    func countOverflow() { overflowed.wrappingAdd(1, ordering: .relaxed) }
    func countRejection() { rejected.wrappingAdd(1, ordering: .relaxed) }
}
