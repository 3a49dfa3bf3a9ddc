import SpanQueue

extension InMemoryEngine {
    /// A worker that waits for work in some queues.
    struct Waiter {
        var queues: [String]
        var wakeUp: WakeUp
    }

    /// Returns when one of the queues may have something to claim, when its next job is due, or when the time until `deadline` has
    /// passed on the engine's clock. All who wait are woken: which of them gets the work, their claims decide.
    package func waitForWork(in queues: [String], until deadline: ContinuousClock.Instant) async throws {
        let now = clock.now
        let limit = max(.zero, deadline - .now)
        let waiter = Waiter(queues: queues, wakeUp: WakeUp())
        let wait: (key: Int, end: Timestamp)? = try look { state in
            let waitedFor = queues.map { state.queue(named: $0) }
            guard !waitedFor.contains(where: { $0.hasWork(at: now) }) else { return nil }
            let nextDue = waitedFor.filter { !$0.isPaused }.compactMap(\.nextDue).min()
            state.lastWaiter += 1
            state.waiters[state.lastWaiter] = waiter
            return (state.lastWaiter, min(now + limit, nextDue ?? Timestamp(milliseconds: .max)))
        }
        guard let wait else { return try Task.checkCancellation() }
        // Where the engine was shut down meanwhile, nobody looks for it any more.
        defer { try? look { $0.waiters[wait.key] = nil } }
        try await withThrowingTaskGroup(of: Void.self) { [clock] group in
            group.addTask { try await clock.sleep(until: wait.end) }
            group.addTask { try await waiter.wakeUp.wait() }
            // Whichever comes first; the other is cancelled.
            defer { group.cancelAll() }
            try await group.next()
        }
        try look { _ in }
    }

    /// Wakes those who wait for a queue that has something to claim.
    package func passWakeUp(in queues: [String]) async {
        let now = clock.now
        let woken = try? look { state in
            queues.filter { state.queue(named: $0).hasWork(at: now) }.flatMap { state.waiters(for: $0) }
        }
        for wakeUp in woken ?? [] { wakeUp.fire() }
    }
}
