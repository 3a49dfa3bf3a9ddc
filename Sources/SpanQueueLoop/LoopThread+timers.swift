// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HeapModule
import NIOConcurrencyHelpers

extension LoopThread {
    /// Runs `callback` on the loop's thread once the time has come, unless cancelled. On the loop's thread only.
    @discardableResult
    package func schedule(at deadline: ContinuousClock.Instant, _ callback: @escaping () -> Void) -> LoopTimer {
        checkIsolated()
        let timer = LoopTimer(deadline: deadline, callback: callback)
        timers.insert(timer)
        return timer
    }

    /// After this the timer does not fire. Cancelling one that has fired does nothing. On the loop's thread only.
    package func cancel(_ timer: LoopTimer) {
        checkIsolated()
        timers.cancel(timer)
    }

    /// Sleeps without the cooperative pool: the wake-up comes from the loop's thread, and a task that runs there
    /// goes on there. Throws `CancellationError` as soon as the task is cancelled or the loop is stopped.
    package func sleep(until deadline: ContinuousClock.Instant) async throws {
        let sleeper = Sleeper()
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                sleeper.continuation = continuation
                execute { self.arm(sleeper, deadline: deadline) }
            }
        } onCancel: {
            execute { self.cancel(sleeper) }
        }
    }

    /// See ``sleep(until:)``.
    package func sleep(for duration: Duration) async throws {
        try await sleep(until: .now + duration)
    }

    private func arm(_ sleeper: Sleeper, deadline: ContinuousClock.Instant) {
        sleeper.isArmed = true
        guard !sleeper.isCancelled, !inbox.withLockedValue({ $0.isStopping }) else {
            return sleeper.wake(with: .failure(CancellationError()))
        }
        sleepers[ObjectIdentifier(sleeper)] = sleeper
        sleeper.timer = schedule(at: deadline) { [unowned self] in
            sleepers[ObjectIdentifier(sleeper)] = nil
            sleeper.timer = nil
            sleeper.wake(with: .success(()))
        }
    }

    /// Before arming it only leaves a note: the continuation still belongs to the task.
    func cancel(_ sleeper: Sleeper) {
        sleeper.isCancelled = true
        guard sleeper.isArmed else { return }
        if let timer = sleeper.timer { cancel(timer) }
        sleeper.timer = nil
        sleepers[ObjectIdentifier(sleeper)] = nil
        sleeper.wake(with: .failure(CancellationError()))
    }
}

/// A callback that a ``LoopThread`` will run once, on its own thread. Made by ``LoopThread/schedule(at:_:)``.
package final class LoopTimer {
    package let deadline: ContinuousClock.Instant

    /// Taken out when the timer fires or is cancelled, which is what makes both happen at most once.
    private var callback: (() -> Void)?

    init(deadline: ContinuousClock.Instant, callback: @escaping () -> Void) {
        self.deadline = deadline
        self.callback = callback
    }

    var isPending: Bool { callback != nil }

    /// The callback, for the only caller that will ever get it.
    func take() -> (() -> Void)? {
        defer { callback = nil }
        return callback
    }
}

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

/// One task in ``LoopThread/sleep(until:)``. Cancellation may reach the loop before the timer is set.
///
/// `@unchecked Sendable`: the sleeping task writes `continuation` before it hands the sleeper to the loop; after that, and for
/// everything else, only the loop's thread touches it.
final class Sleeper: @unchecked Sendable {
    var continuation: UnsafeContinuation<Void, any Error>?
    var timer: LoopTimer?
    var isArmed = false
    var isCancelled = false

    /// Resumes the task, the first time. An unsafe continuation is enough because it is taken out as it is resumed, and
    /// a sleeper is in its loop's table from arming until then.
    func wake(with result: Result<Void, any Error>) {
        continuation?.resume(with: result)
        continuation = nil
    }
}
