import SpanQueue

extension InMemoryEngine {
    /// A worker that waits for work in some queues.
    struct Waiter {
        var queues: [String]
        var wakeUp: WakeUp
    }

    /// Returns when one of the queues may have something to claim, when its next job is due, or after `limit` of the
    /// engine's clock. All who wait are woken: which of them gets the work, their claims decide.
    public func waitForWork(in queues: [String], atMost limit: Duration) async throws {
        try checkOpen()
        let now = clock.now
        let waitedFor = queues.map { queue(named: $0) }
        guard !waitedFor.contains(where: { $0.hasWork(at: now) }) else { return try Task.checkCancellation() }
        let nextDue = waitedFor.filter { !$0.isPaused }.compactMap(\.nextDue).min()
        let end = min(now + limit, nextDue ?? Timestamp(milliseconds: .max))

        let waiter = Waiter(queues: queues, wakeUp: WakeUp())
        lastWaiter += 1
        let key = lastWaiter
        waiters[key] = waiter
        defer { waiters[key] = nil }
        try await withThrowingTaskGroup(of: Void.self) { [clock] group in
            group.addTask { try await clock.sleep(until: end) }
            group.addTask { try await waiter.wakeUp.wait() }
            // Whichever comes first; the other is cancelled.
            defer { group.cancelAll() }
            try await group.next()
        }
        try checkOpen()
    }

    /// Wakes those who wait for a queue that has something to claim.
    public func passWakeUp(in queues: [String]) async throws {
        try checkOpen()
        for name in queues where queue(named: name).hasWork(at: clock.now) { wakeWaiters(for: name) }
    }

    func wakeWaiters(for queue: String) {
        for waiter in waiters.values where waiter.queues.contains(queue) { waiter.wakeUp.fire() }
    }
}
