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
    public func sleep(until moment: Timestamp) async throws {
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
