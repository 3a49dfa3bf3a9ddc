internal import SpanQueueLoop
internal import Synchronization

/// A piece of work that is done at most once at a time, for all who ask for it meanwhile, each of whom gets an answer by
/// the deadline whatever the work does.
///
/// Work that does not return cannot be killed, only cancelled and left behind. So it is a task of its own, not a child of who
/// asked, who would have to wait for it; and while it has not come back, all who ask fail at once rather than start another.
/// Fifty readers of /metrics thus cost one rendering and share one page, and a hundred probes of an engine that hangs leave
/// one task waiting.
///
/// Work and deadlines have the server's thread: handlers that block every thread of the global pool hold up neither.
final class SharedRun<Value: Sendable>: Sendable {
    enum Outcome: Sendable {
        case success(Value)
        case failure(any Error)
        /// The deadline passed, or work that missed it has not come back.
        case late
    }

    private struct Waiter {
        let continuation: CheckedContinuation<Outcome, Never>
        let timer: Task<Void, Never>
    }

    private struct State {
        var run: Task<Void, Never>?
        var isAbandoned = false
        var waiters: [UInt64: Waiter] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let deadline: Duration
    private let thread: LoopThread
    private let work: @Sendable () async throws -> Value
    private let state = Mutex(State())

    init(deadline: Duration, on thread: LoopThread, _ work: @escaping @Sendable () async throws -> Value) {
        self.deadline = deadline
        self.thread = thread
        self.work = work
    }

    /// What the work gives: of the run under way, or of a new one.
    func value() async -> Outcome {
        await withCheckedContinuation { continuation in
            let isAbandoned = state.withLock { state in
                if state.isAbandoned { return true }
                let id = state.nextWaiter
                state.nextWaiter += 1
                // Both tasks need this lock to report, so neither can do so before it is known here.
                let timer = Task(executorPreference: thread) { await self.expire(id) }
                state.waiters[id] = Waiter(continuation: continuation, timer: timer)
                if state.run == nil {
                    state.run = Task(executorPreference: thread) { await self.perform() }
                }
                return false
            }
            if isAbandoned { continuation.resume(returning: .late) }
        }
    }

    private func perform() async {
        let outcome: Outcome
        do {
            outcome = .success(try await work())
        } catch {
            outcome = .failure(error)
        }
        let waiters = state.withLock { state in
            defer { state.waiters = [:] }
            state.run = nil
            state.isAbandoned = false
            return Array(state.waiters.values)
        }
        for waiter in waiters {
            waiter.timer.cancel()
            waiter.continuation.resume(returning: outcome)
        }
    }

    private func expire(_ id: UInt64) async {
        do {
            try await thread.sleep(for: deadline)
        } catch {
            return
        }
        let waiter = state.withLock { state in
            let waiter = state.waiters.removeValue(forKey: id)
            // Nobody wants the result any more.
            if waiter != nil, state.waiters.isEmpty {
                state.run?.cancel()
                state.isAbandoned = true
            }
            return waiter
        }
        waiter?.continuation.resume(returning: .late)
    }
}
