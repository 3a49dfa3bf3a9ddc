internal import SpanQueue

/// Lifetime totals as a JSON object.
struct TotalsOutput: Encodable {
    private let enqueued, completed, dead, cancelled, removed: Int

    init(_ totals: QueueTotals) {
        enqueued = totals.enqueued
        completed = totals.completed
        dead = totals.dead
        cancelled = totals.cancelled
        removed = totals.removed
    }
}
