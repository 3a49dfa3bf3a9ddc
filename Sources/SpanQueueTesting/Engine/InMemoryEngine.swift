public import SpanQueue

/// An engine that keeps its jobs in this process: for tests of applications, and for trying things out. It does all that
/// the Redis engine does, except to outlive the process and to be shared with another.
///
/// With a `ManualClock` nothing is due, lapses or is forgotten until the test moves the clock.
public actor InMemoryEngine: Engine {
    /// The clock by which every deadline is judged.
    public nonisolated let clock: any EngineClock

    private let keeping: MemoryQueue.Keeping
    var queues: [String: MemoryQueue] = [:]
    var known: [String: (worker: WorkerInfo, until: Timestamp)] = [:]
    private var isClosed = false
    var waiters: [Int: Waiter] = [:]
    var lastWaiter = 0

    /// Makes an empty engine with the standard retention.
    public init(clock: any EngineClock = .system) {
        self.init(clock: clock, keeping: MemoryQueue.Keeping())
    }

    package init(clock: any EngineClock, keeping: MemoryQueue.Keeping) {
        self.clock = clock
        self.keeping = keeping
    }

    /// The present value of a queue.
    package func queue(named name: String) -> MemoryQueue {
        queues[name] ?? MemoryQueue(name: name, keeping: keeping)
    }

    /// Does one step on a queue, and wakes those who wait for it where the step says so.
    func step<Reply, Failure>(
        _ name: String, _ body: (inout MemoryQueue) throws(Failure) -> Reply
    ) throws(Failure) -> Reply {
        var queue = queue(named: name)
        let wakeUps = queue.wakeUps
        // Taken out while it is changed, so that the change happens in place.
        queues[name] = nil
        defer {
            // A queue begins with its first job or its pause, not with a question about it.
            if queue.totals.enqueued > 0 || queue.isPaused { queues[name] = queue }
            if queue.wakeUps != wakeUps { wakeWaiters(for: name) }
        }
        return try body(&queue)
    }

    func checkOpen() throws(SpanQueueError) {
        if isClosed { throw SpanQueueError(.closed, "the engine has been shut down") }
    }

    /// Does nothing.
    public func start() async throws {
        try checkOpen()
    }

    /// Wakes all who wait. The jobs are kept until the engine itself is gone, but nothing reaches them any more.
    public func shutdown() async {
        isClosed = true
        for waiter in waiters.values { waiter.wakeUp.fire() }
    }

    /// The moment at which the clock stands.
    public func now() async throws -> Timestamp {
        try checkOpen()
        return clock.now
    }

    /// Adds each job to its queue, or says why not.
    public func enqueue(_ jobs: [NewJob]) async throws -> [EnqueueOutcome] {
        try checkOpen()
        let now = clock.now
        return jobs.map { job in step(job.message.queue) { $0.enqueue(job, at: now) } }
    }

    /// Makes due jobs ready, then claims; all claims of a call share one moment and one nonce.
    public func claim(_ requests: [ClaimRequest]) async throws -> [ClaimReply] {
        try checkOpen()
        let now = clock.now
        let nonce = UInt32.random(in: 0...UInt32.max)
        return requests.map { request in step(request.queue) { $0.claim(request, at: now, nonce: nonce) } }
    }

    /// Extends leases; one that has lapsed and was not taken back is still its worker's.
    public func extend(
        _ claims: [ClaimReference], in queue: String, by lease: Duration
    ) async throws -> ExtendReply {
        try checkOpen()
        return step(queue) { $0.extend(claims, by: lease, at: clock.now) }
    }

    /// Ends attempts. A settlement repeated with the same token and run is answered as it was.
    public func settle(_ settlements: [Settlement]) async throws -> [SettleOutcome] {
        try checkOpen()
        let now = clock.now
        var outcomes = [SettleOutcome](repeating: .lost, count: settlements.count)
        for (queue, indices) in Dictionary(grouping: settlements.indices, by: { settlements[$0].reference.queue }) {
            let settled = step(queue) { $0.settle(indices.map { settlements[$0] }, at: now) }
            for (index, outcome) in zip(indices, settled) { outcomes[index] = outcome }
        }
        return outcomes
    }

    /// Stores a progress report or result; false where the lease is lost.
    public func update(_ claim: ClaimReference, run: RunRecord) async throws -> Bool {
        try checkOpen()
        return step(claim.queue) { $0.update(claim, run: run) }
    }

    /// Takes back jobs whose lease has run out.
    public func reclaim(_ request: ReclaimRequest) async throws -> [ReclaimedJob] {
        try checkOpen()
        return step(request.queue) { $0.reclaim(request, at: clock.now) }
    }
}
