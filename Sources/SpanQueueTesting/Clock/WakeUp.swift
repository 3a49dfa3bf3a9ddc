import Synchronization

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
