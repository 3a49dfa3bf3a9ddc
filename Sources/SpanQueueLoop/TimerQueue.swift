import HeapModule

/// Timers by deadline; those of one deadline in the order in which they were added.
///
/// A cancelled timer gives up its callback at once and its place in the heap later: when it comes to the top, or when more
/// than half of the heap is cancelled. Cancelling is therefore O(1) amortised, and a heap never holds more than twice
/// what is pending (and a small constant).
struct TimerQueue {
    private struct Entry: Comparable {
        let timer: LoopTimer
        let sequence: UInt64

        static func == (left: Entry, right: Entry) -> Bool { left.sequence == right.sequence }

        static func < (left: Entry, right: Entry) -> Bool {
            (left.timer.deadline, left.sequence) < (right.timer.deadline, right.sequence)
        }
    }

    private static let compactionFloor = 64

    private var heap = Heap<Entry>()
    private var nextSequence: UInt64 = 0
    private var cancelledCount = 0

    /// Places in the heap, the cancelled ones included.
    var storedCount: Int { heap.count }

    /// Timers that will still fire.
    var pendingCount: Int { heap.count - cancelledCount }

    mutating func insert(_ timer: LoopTimer) {
        heap.insert(Entry(timer: timer, sequence: nextSequence))
        nextSequence += 1
    }

    /// Whether the timer was pending, and now never fires.
    @discardableResult
    mutating func cancel(_ timer: LoopTimer) -> Bool {
        guard timer.take() != nil else { return false }
        cancelledCount += 1
        if cancelledCount > Self.compactionFloor, cancelledCount > heap.count / 2 {
            heap = Heap(heap.unordered.filter { $0.timer.isPending })
            cancelledCount = 0
        }
        return true
    }

    /// When the loop must be awake again.
    mutating func nextDeadline() -> ContinuousClock.Instant? {
        while let first = heap.min {
            if first.timer.isPending { return first.timer.deadline }
            heap.removeMin()
            cancelledCount -= 1
        }
        return nil
    }

    /// The callback of the first timer that is due, if one is.
    mutating func takeDue(at now: ContinuousClock.Instant) -> (() -> Void)? {
        guard let deadline = nextDeadline(), deadline <= now else { return nil }
        return heap.removeMin().timer.take()
    }
}
