// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import SpanQueue
import Synchronization

/// An engine that keeps its jobs in this process: for tests of applications, and for trying things out. It does all that
/// the Redis engine does, except to outlive the process and to be shared with another.
///
/// With a `ManualClock` nothing is due, lapses or is forgotten until the test moves the clock.
///
/// A class with a lock, not an actor: calls then come back on the executor they were made on; see `EngineCore`.
package final class InMemoryEngine: Engine, JobKeeper, JobSearcher, ErrorStore, HistoryStore, EventSource,
    PrioritySource
{
    /// All that it keeps.
    struct State {
        let keeping: MemoryQueue.Keeping
        var queues: [String: MemoryQueue] = [:]
        var known: [String: (worker: WorkerInfo, until: Timestamp)] = [:]
        /// By queue.
        var errors: [String: [UInt64: ErrorGroup]] = [:]
        var histories: [String: HistoryRing] = [:]
        var isClosed = false
        var waiters: [Int: Waiter] = [:]
        var lastWaiter = 0
        /// The latest entries, and how many there ever were.
        var journal: [JournalEntry] = []
        var journaled = 0

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

extension EngineSource {
    /// A fresh engine in this process, for tests.
    ///
    /// - Parameter clock: what judges every deadline: delays, retries and leases then run when the test moves it; by default the
    ///   machine's clock.
    public static func inMemory(clock: ManualClock? = nil) -> EngineSource {
        EngineSource { _ in InMemoryEngine(clock: clock ?? SystemClock()) }
    }
}

extension InMemoryEngine {
    package func enqueue(_ job: NewJob, until deadline: ContinuousClock.Instant) async throws -> EnqueueOutcome {
        let now = clock.now
        return try step(job.message.queue) { queue throws(SpanQueueError) in queue.enqueue(job, at: now) }
    }

    /// Adds each job to its queue, or says why not.
    package func enqueue(
        _ jobs: [NewJob], until deadline: ContinuousClock.Instant
    ) async throws -> [EnqueueOutcome] {
        let now = clock.now
        return try jobs.map { job in
            try step(job.message.queue) { queue throws(SpanQueueError) in queue.enqueue(job, at: now) }
        }
    }

    /// Makes due jobs ready, then claims; all claims of a call share one moment and one nonce.
    package func claim(
        _ requests: [ClaimRequest]
    ) async throws(CancellationError) -> [Result<ClaimReply, SpanQueueError>] {
        let now = clock.now
        let nonce = UInt32.random(in: 0...UInt32.max)
        return requests.map { request in
            guard request.notAfter.map({ ContinuousClock.now <= $0 }) ?? true else {
                return .failure(SpanQueueError(.timeout, "the time of the claim is over"))
            }
            return result(request.queue) { $0.claim(request, at: now, nonce: nonce) }
        }
    }

    /// Extends leases; one that has lapsed and was not reclaimed is still its worker's.
    package func extend(
        _ batches: [LeaseBatch]
    ) async throws(CancellationError) -> [Result<ExtendReply, SpanQueueError>] {
        let now = clock.now
        return batches.map { batch in
            result(batch.queue) { $0.extend(batch.claims, by: batch.lease, at: now) }
        }
    }

    /// Ends attempts. A settlement repeated with the same token and run is answered as it was.
    package func settle(
        _ settlements: [Settlement]
    ) async throws(CancellationError) -> [Result<SettleOutcome, SpanQueueError>] {
        let now = clock.now
        var outcomes = [Result<SettleOutcome, SpanQueueError>](
            repeating: .success(.lost), count: settlements.count)
        for (queue, places) in Dictionary(grouping: settlements.indices, by: { settlements[$0].reference.queue }) {
            switch result(queue, { $0.settle(places.map { settlements[$0] }, at: now) }) {
            case .success(let settled):
                for (place, outcome) in zip(places, settled) { outcomes[place] = .success(outcome) }
            case .failure(let error):
                for place in places { outcomes[place] = .failure(error) }
            }
        }
        return outcomes
    }

    /// Stores how far it has come; false where the lease is lost.
    package func report(_ progress: JobProgress, on job: ClaimedJob) async throws -> Bool {
        try step(job.reference.queue) { queue throws(SpanQueueError) in queue.report(progress, on: job) }
    }
}

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
