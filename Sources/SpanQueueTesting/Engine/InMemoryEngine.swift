package import SpanQueue
import Synchronization

/// An engine that keeps its jobs in this process: for tests of applications, and for trying things out. It does all that
/// the Redis engine does, except to outlive the process and to be shared with another.
///
/// With a `ManualClock` nothing is due, lapses or is forgotten until the test moves the clock.
///
/// A class with a lock, not an actor: calls then come back on the executor they were made on; see `EngineCore`.
package final class InMemoryEngine: Engine, JobKeeper {
    /// All that it keeps.
    struct State {
        let keeping: MemoryQueue.Keeping
        var queues: [String: MemoryQueue] = [:]
        var known: [String: (worker: WorkerInfo, until: Timestamp)] = [:]
        var isClosed = false
        var waiters: [Int: Waiter] = [:]
        var lastWaiter = 0

        /// The present value of a queue.
        func queue(named name: String) -> MemoryQueue {
            queues[name] ?? MemoryQueue(name: name, keeping: keeping)
        }

        /// Those who wait for a queue.
        func waiters(for queue: String) -> [WakeUp] {
            waiters.values.filter { $0.queues.contains(queue) }.map(\.wakeUp)
        }
    }

    package let name = "memory"
    /// The clock by which every deadline is judged.
    package let clock: any EngineClock

    private let state: Mutex<State>

    /// Makes an empty engine.
    package init(
        clock: any EngineClock = .system, keeping: MemoryQueue.Keeping = MemoryQueue.Keeping()
    ) {
        self.clock = clock
        state = Mutex(State(keeping: keeping))
    }

    /// The present value of a queue.
    package func queue(named name: String) -> MemoryQueue { state.withLock { $0.queue(named: name) } }

    /// Looks at, or changes, what is kept, while the engine is open.
    func look<Reply>(_ body: (inout State) throws(SpanQueueError) -> Reply) throws(SpanQueueError) -> Reply {
        try state.withLock { state throws(SpanQueueError) in
            if state.isClosed { throw SpanQueueError(.closed, "the engine has been shut down") }
            return try body(&state)
        }
    }

    /// Does one step on a queue, and wakes those who wait for it where the step says so.
    func step<Reply>(
        _ name: String, _ body: (inout MemoryQueue) throws(SpanQueueError) -> Reply
    ) throws(SpanQueueError) -> Reply {
        var woken: [WakeUp] = []
        defer { for wakeUp in woken { wakeUp.fire() } }
        return try look { state throws(SpanQueueError) in
            var queue = state.queue(named: name)
            let wakeUps = queue.wakeUps
            // Taken out while it is changed, so that the change happens in place.
            state.queues[name] = nil
            defer {
                // A queue begins with its first job, not with a question about it.
                if queue.totals.enqueued > 0 { state.queues[name] = queue }
                if queue.wakeUps != wakeUps { woken = state.waiters(for: name) }
            }
            return try body(&queue)
        }
    }

    /// The same for a call that answers for each of its parts.
    func result<Reply>(
        _ name: String, _ body: (inout MemoryQueue) -> Reply
    ) -> Result<Reply, SpanQueueError> {
        Result { () throws(SpanQueueError) in try step(name) { queue throws(SpanQueueError) in body(&queue) } }
    }

    /// Does nothing.
    package func start() async throws { try look { _ in } }

    /// Wakes all who wait. The jobs are kept until the engine itself is gone, but nothing reaches them any more.
    package func shutdown() async {
        let waiters = state.withLock { state in
            state.isClosed = true
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.wakeUp.fire() }
    }

    /// The moment at which the clock stands.
    package func now() async throws -> Timestamp { try look { _ in clock.now } }
}
