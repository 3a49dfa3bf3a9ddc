// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
public import SpanQueue
import Synchronization

/// A clock that stands still until a test moves it.
public final class ManualClock: EngineClock {
    private struct State {
        var now: Timestamp
        var nextSleeper = 0
        var sleepers: [Int: (until: Timestamp, wakeUp: WakeUp)] = [:]
    }

    private let state: Mutex<State>

    /// Makes a clock that stands at `now`; by default early in 2027.
    public init(now: Timestamp = Timestamp(milliseconds: 1_800_000_000_000)) {
        self.state = Mutex(State(now: now))
    }

    /// The moment at which it stands.
    public var now: Timestamp { state.withLock(\.now) }

    /// Moves it on, to the millisecond, and wakes whoever slept until a moment that has now come. A negative duration sets
    /// it back.
    public func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now + duration
            return state.sleepers.values.filter { $0.until <= state.now }.map(\.wakeUp)
        }
        for wakeUp in due { wakeUp.fire() }
    }

    /// Returns once the clock was moved to `moment` or past it.
    package func sleep(until moment: Timestamp) async throws {
        let wakeUp = WakeUp()
        let sleeper: Int? = state.withLock { state in
            guard state.now < moment else { return nil }
            state.nextSleeper += 1
            state.sleepers[state.nextSleeper] = (moment, wakeUp)
            return state.nextSleeper
        }
        guard let sleeper else { return try Task.checkCancellation() }
        defer { state.withLock { _ = $0.sleepers.removeValue(forKey: sleeper) } }
        try await wakeUp.wait()
    }
}

/// The clock by which an in-memory engine judges every deadline.
package protocol EngineClock: Sendable {
    /// The present moment, in milliseconds.
    var now: Timestamp { get }
    /// Returns when `now` has reached `moment`, at once where it has already.
    ///
    /// - Throws: `CancellationError` where the task is cancelled first.
    func sleep(until moment: Timestamp) async throws
}

/// The clock of the machine.
package struct SystemClock: EngineClock {
    /// Makes one; all are alike.
    package init() {}

    /// The machine's time of day.
    package var now: Timestamp { Timestamp(Date()) }

    /// Sleeps in real time.
    package func sleep(until moment: Timestamp) async throws {
        // The time of day may be set back during a sleep, and a sleep of centuries overflows what sleeps: hence the steps.
        while now < moment {
            try await Task.sleep(for: min(moment - now, .seconds(3600)))
        }
    }
}

extension EngineClock where Self == SystemClock {
    /// The clock of the machine.
    package static var system: SystemClock { SystemClock() }
}

/// A signal that is given once and waited for once. Given before the wait, it is not lost.
final class WakeUp: Sendable {
    private enum State {
        case idle
        case waiting(CheckedContinuation<Void, any Error>)
        case fired
        case cancelled
    }

    private let state = Mutex(State.idle)

    /// Ends the wait, or spares it. A second signal does nothing.
    func fire() {
        finish(as: .fired, with: .success(()))
    }

    /// Returns when the signal is given; throws `CancellationError` where the task is cancelled first.
    func wait() async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let known: Result<Void, any Error>? = state.withLock { state in
                    switch state {
                    case .fired: return .success(())
                    case .cancelled: return .failure(CancellationError())
                    case .idle, .waiting:
                        state = .waiting(continuation)
                        return nil
                    }
                }
                if let known { continuation.resume(with: known) }
            }
        } onCancel: {
            finish(as: .cancelled, with: .failure(CancellationError()))
        }
    }

    private func finish(as end: State, with result: Result<Void, any Error>) {
        let waiting: CheckedContinuation<Void, any Error>? = state.withLock { state in
            switch state {
            case .fired, .cancelled: return nil
            case .idle:
                state = end
                return nil
            case .waiting(let continuation):
                state = end
                return continuation
            }
        }
        waiting?.resume(with: result)
    }
}
