// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers

/// A piece of work that is done at most once at a time, for all who ask for it meanwhile, each of whom gets an answer by
/// the deadline whatever the work does.
///
/// Work that does not return cannot be killed, only cancelled and left behind. So it is a task of its own, not a child of who
/// asked, who would have to wait for it; and while it has not come back, all who ask fail at once rather than start another.
/// Fifty readers of /metrics thus cost one rendering and share one page, and a hundred probes of an engine that hangs leave
/// one task waiting.
///
/// Work and deadlines have the executor that they are given: handlers that block every thread of the global pool hold up neither.
package final class SharedRun<Value: Sendable>: Sendable {
    package enum Outcome: Sendable {
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
    private let executor: (any TaskExecutor)?
    private let sleep: @Sendable (Duration) async throws -> Void
    private let work: @Sendable () async throws -> Value
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - deadline: how long each who asks waits.
    ///   - executor: where it runs; the global one unless given.
    ///   - sleep: waits for the deadline; one that needs the global pool wakes up as late as that is busy.
    package init(
        deadline: Duration, on executor: (any TaskExecutor)? = nil,
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        _ work: @escaping @Sendable () async throws -> Value
    ) {
        self.deadline = deadline
        self.executor = executor
        self.sleep = sleep
        self.work = work
    }

    /// What the work gives: of the run under way, or of a new one.
    ///
    /// - Parameter other: where a new run runs, in the place of the executor given at the start.
    package func value(on other: (any TaskExecutor)? = nil) async -> Outcome {
        let executor = other ?? executor
        return await withCheckedContinuation { continuation in
            let isAbandoned = state.withLockedValue { state in
                if state.isAbandoned { return true }
                let id = state.nextWaiter
                state.nextWaiter += 1
                // Both tasks need this lock to report, so neither can do so before it is known here.
                let timer = Task(executorPreference: executor) { await self.expire(id) }
                state.waiters[id] = Waiter(continuation: continuation, timer: timer)
                if state.run == nil {
                    state.run = Task(executorPreference: executor) { await self.perform() }
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
        let waiters = state.withLockedValue { state in
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
            try await sleep(deadline)
        } catch {
            return
        }
        let waiter = state.withLockedValue { state in
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
