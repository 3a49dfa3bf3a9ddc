// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers
import ServiceContextModule
import SpanQueueLoop
import Synchronization

/// The shell round the `HandlerLine`: jobs go to the pool's threads, and attempts come back from them.
extension WorkerCore {
    /// Sends starters to the pool: the global executor, whatever that does, since the worker's own thread must stay free.
    nonisolated func send(starters: Int) {
        for _ in 0..<starters { Task { @concurrent in self.startJobs() } }
    }

    /// What a starter does. Each job is a task of its own, which runs here until it is suspended for the first time.
    nonisolated private func startJobs() {
        var starter = HandlerLine<HandedJob, EndedJob>.Starter()
        while true {
            switch handlers.withLockedValue({ $0.next(&starter, at: .now) }) {
            case .start(let job, let starters):
                send(starters: starters)
                if #available(macOS 26, *) {
                    Task.immediate { await self.run(job) }
                } else {
                    Task { await self.run(job) }
                }
            case .yield:
                return send(starters: 1)
            case .end:
                return
            }
        }
    }

    nonisolated private func run(_ job: HandedJob) async {
        let attempt = await job.run(runner)
        if handlers.withLockedValue({ $0.add(ended: (job.number, attempt)) }) { post { $0.takeFinished() } }
    }

    // MARK: Looking after them

    func scheduleLook() {
        thread.schedule(at: .now + HandlerTimes.patience) { [weak self] in
            self?.assumeIsolated { $0.lookReady.raise() }
        }
    }

    /// In a task of the worker's run, so that what it starts has the task-local values of that, as all handlers have.
    func lookingLoop() async {
        while true {
            await lookReady.wait()
            guard life.phase != .stopped else { return }
            let (starters, tells, looks) = handlers.withLockedValue { $0.look(at: .now) }
            send(starters: starters)
            if looks { scheduleLook() }
            if tells { takeFinished() }
        }
    }
}

/// An attempt that has ended, by the number of its slot.
typealias EndedJob = (number: Int, attempt: FinishedAttempt)

/// A job on its way to its handler.
final class HandedJob: Sendable {
    /// `@unchecked Sendable`: cancelling is the only thing that is done with it, which any thread may do while the task lives.
    private struct LiveTask: @unchecked Sendable {
        let task: UnsafeCurrentTask?
    }

    private struct State: Sendable {
        /// While it runs.
        var task: LiveTask?
        /// It may be before it runs, and then it does not.
        var isCancelled = false
        /// When a thread of the pool took it.
        var beganAt: ContinuousClock.Instant?
    }

    let number: Int
    private let context: JobContext
    private let serviceContext: ServiceContext?
    private let claimedAt: ContinuousClock.Instant
    private let state = Mutex(State())

    /// - Parameter serviceContext: in which the handler runs; that of its attempt's trace unless given.
    init(
        _ number: Int, _ context: JobContext, in serviceContext: ServiceContext?, claimedAt: ContinuousClock.Instant
    ) {
        self.number = number
        self.context = context
        self.serviceContext = serviceContext
        self.claimedAt = claimedAt
    }

    /// When a thread of the pool took it; nil as long as it waits for one.
    var beganAt: ContinuousClock.Instant? { state.withLock { $0.beganAt } }

    /// Cancels the handler, or keeps it from beginning.
    ///
    /// - Returns: whether it had begun.
    func cancel() -> Bool {
        state.withLock { state in
            state.isCancelled = true
            // Under the lock: the task can't end before this has.
            state.task?.task?.cancel()
            return state.beganAt != nil
        }
    }

    /// Runs the attempt in this task, unless it is cancelled already.
    func run(_ runner: AttemptRunner) async -> FinishedAttempt {
        let live = withUnsafeCurrentTask { LiveTask(task: $0) }
        let now = ContinuousClock.now
        let begins = state.withLock { state in
            guard !state.isCancelled else { return false }
            state.task = live
            state.beganAt = now
            return true
        }
        guard begins else { return .notStarted }
        context.noteWait(now - claimedAt)
        let attempt = await runner.run(context, in: serviceContext)
        state.withLock { $0.task = nil }
        return attempt
    }
}
