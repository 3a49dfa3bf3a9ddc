import Synchronization

/// Lets callers who wait for word of the same kind share it: who comes while two questions are under way is answered by the next
/// one. A question that is asked after a caller came answers that caller, too.
final class SharedWait: Sendable {
    private struct Caller: Sendable {
        let deadline: ContinuousClock.Instant
        let continuation: UnsafeContinuation<Void, any Error>
    }

    private struct State: Sendable {
        var waiting: [Caller] = []
        var underWay = 0
    }

    /// How many questions are under way at most.
    private static let most = 2
    /// Callers whose time is up within this end together.
    private static let grain = Duration.milliseconds(50)
    private let state = Mutex(State())

    /// - Parameter ask: asks until a deadline; throws where the answer is no, or did not come in time.
    func wait(
        until deadline: ContinuousClock.Instant,
        _ ask: @escaping @Sendable (ContinuousClock.Instant) async throws -> Void
    ) async throws {
        // No cancellation handler: the caller's jobs are in, and it must be told how they stand. It waits until its deadline at most.
        try await withUnsafeThrowingContinuation { continuation in
            state.withLock { $0.waiting.append(Caller(deadline: deadline, continuation: continuation)) }
            askForThoseWhoWait(ask)
        }
    }

    private func askForThoseWhoWait(_ ask: @escaping @Sendable (ContinuousClock.Instant) async throws -> Void) {
        let callers = state.withLock { state -> [Caller] in
            guard state.underWay < Self.most, !state.waiting.isEmpty else { return [] }
            state.underWay += 1
            defer { state.waiting = [] }
            return state.waiting
        }
        guard let deadline = callers.lazy.map(\.deadline).min() else { return }
        Task {
            var left: [Caller] = []
            do {
                try await ask(deadline)
                for caller in callers { caller.continuation.resume() }
            } catch {
                // Where that was for want of time, those who have some left ask again.
                let end = ContinuousClock.now + Self.grain
                let isOver = end < deadline
                for caller in callers {
                    if isOver || caller.deadline <= end {
                        caller.continuation.resume(throwing: error)
                    } else {
                        left.append(caller)
                    }
                }
            }
            state.withLock { state in
                state.underWay -= 1
                state.waiting += left
            }
            askForThoseWhoWait(ask)
        }
    }
}
