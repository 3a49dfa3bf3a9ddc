import NIOConcurrencyHelpers
import SpanQueueLoop

/// How an attempt ended, and when.
struct FinishedAttempt: Sendable {
    let result: AttemptResult
    /// On the wall clock.
    let startNanoseconds: UInt64
    let duration: Duration

    /// By the duration, which no one who sets the wall clock can change.
    var endNanoseconds: UInt64 { startNanoseconds &+ UInt64(max(0, duration.inSeconds) * 1e9) }
}

/// Attempts that have ended, on their way from the threads of handlers to that of the worker. Those that end close together go
/// together: each way costs more than all the rest of an attempt that does nothing.
final class FinishedAttempts: Sendable {
    typealias Element = (slot: Int, attempt: FinishedAttempt)

    private let waiting = NIOLockedValueBox<[Element]>([])

    /// - Returns: whether it is the first since they were last taken, so that somebody must be told.
    func add(_ attempt: FinishedAttempt, of slot: Int) -> Bool {
        waiting.withLockedValue { waiting in
            waiting.append((slot, attempt))
            return waiting.count == 1
        }
    }

    /// Takes all that have gathered.
    func takeAll() -> [Element] {
        waiting.withLockedValue { waiting in
            let all = waiting
            waiting = []
            waiting.reserveCapacity(all.count)
            return all
        }
    }
}
