// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueLoop
import Synchronization

/// Who waits for work in this process, in the order in which they came.
final class WaitList: Sendable {
    private struct State: Sendable {
        var waiters: [Waiter] = []
        var isClosed = false
    }

    private let loop: LoopThread
    private let state = Mutex(State())

    init(loop: LoopThread) {
        self.loop = loop
    }

    /// From now on the waiter hears of what there is to do; before it looks for itself.
    func add(_ queues: [String]) throws(SpanQueueError) -> Waiter {
        let waiter = Waiter(queues: Set(queues), loop: loop)
        let isClosed = state.withLock { state in
            if !state.isClosed { state.waiters.append(waiter) }
            return state.isClosed
        }
        guard !isClosed else { throw Self.closed }
        return waiter
    }

    func remove(_ waiter: Waiter) {
        state.withLock { $0.waiters.removeAll { $0 === waiter } }
    }

    /// Wakes the first who waits for a queue and was not woken yet; false where there is none.
    @discardableResult
    func wake(_ queue: String) -> Bool {
        let waiters = state.withLock { $0.waiters }
        return waiters.contains { $0.queues.contains(queue) && $0.wake() }
    }

    func wakeAll() {
        for waiter in state.withLock({ $0.waiters }) { waiter.wake() }
    }

    /// Ends all waits. There are none afterwards.
    func close() {
        let waiters = state.withLock { state in
            state.isClosed = true
            return state.waiters
        }
        for waiter in waiters { waiter.end(with: .failure(Self.closed)) }
    }

    private static let closed = SpanQueueError(.closed, "the engine has been shut down")
}

/// One who waits for work. A wake-up that comes while it does not sleep is kept until it does.
final class Waiter: Sendable {
    private enum State: Sendable {
        case awake
        case asleep(UnsafeContinuation<Bool, any Error>, round: Int)
        case ended(Result<Bool, any Error>)
    }

    /// The loop's timer of a sleep.
    ///
    /// `@unchecked Sendable`: only the loop's thread reads and writes it.
    private final class Alarm: @unchecked Sendable {
        var timer: LoopTimer?
    }

    let queues: Set<String>
    private let loop: LoopThread
    private let state = Mutex((state: State.awake, round: 0))

    init(queues: Set<String>, loop: LoopThread) {
        self.queues = queues
        self.loop = loop
    }

    /// Sleeps until it is woken, which is true, or until a time, which is false. Throws `CancellationError`, and what it was ended with.
    func sleep(until time: ContinuousClock.Instant) async throws -> Bool {
        let alarm = Alarm()
        defer {
            loop.execute { [loop] in if let timer = alarm.timer { loop.cancel(timer) } }
        }
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                let (end, round) = state.withLock { state -> (Result<Bool, any Error>?, Int) in
                    state.round += 1
                    if case .ended(let end) = state.state { return (end, state.round) }
                    state.state = .asleep(continuation, round: state.round)
                    return (nil, state.round)
                }
                if let end { return continuation.resume(with: end) }
                loop.execute { [loop] in
                    alarm.timer = loop.schedule(at: time) { [weak self] in self?.timeIsUp(round) }
                }
            }
        } onCancel: {
            end(with: .failure(CancellationError()))
        }
    }

    /// Whether it has been woken, or ended otherwise.
    var isEnded: Bool { state.withLock { if case .ended = $0.state { true } else { false } } }

    /// False where it was woken before.
    @discardableResult
    func wake() -> Bool { end(with: .success(true)) }

    @discardableResult
    func end(with result: Result<Bool, any Error>) -> Bool {
        let (isFirst, sleeper) = state.withLock { state -> (Bool, UnsafeContinuation<Bool, any Error>?) in
            switch state.state {
            case .ended: return (false, nil)
            case .awake:
                state.state = .ended(result)
                return (true, nil)
            case .asleep(let continuation, _):
                state.state = .ended(result)
                return (true, continuation)
            }
        }
        sleeper?.resume(with: result)
        return isFirst
    }

    private func timeIsUp(_ round: Int) {
        let sleeper = state.withLock { state -> UnsafeContinuation<Bool, any Error>? in
            guard case .asleep(let continuation, round) = state.state else { return nil }
            state.state = .awake
            return continuation
        }
        sleeper?.resume(returning: false)
    }
}
