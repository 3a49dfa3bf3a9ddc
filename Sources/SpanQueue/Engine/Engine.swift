/// What keeps the jobs. `JobQueue` and `Worker` work against this protocol alone; the Redis engine, the in-memory engine for
/// tests, and any later one stand behind it, and one conformance suite runs on each.
///
/// Every call is one step that happens wholly or not at all, but for enqueues and settlements of several queues or of more jobs
/// than fit a batch, which are one step for each queue and batch. Every deadline is judged by the engine's own clock. A call
/// that is repeated after a lost answer leaves the same state and gives the same class of answer. Calls throw
/// `SpanQueueError`, and `CancellationError` where their task was cancelled.
public protocol Engine: Sendable {
    /// Connects, and checks that what it finds can be worked with.
    func start() async throws
    /// Lets go of connections and threads. Calls afterwards throw `.closed`.
    func shutdown() async

    /// The present moment of the engine's clock.
    func now() async throws -> Timestamp

    /// Adds jobs, of any mix of queues, and says for each in order what became of it.
    func enqueue(_ jobs: [NewJob]) async throws -> [EnqueueOutcome]

    /// For each request promotes what is due in its queue, then takes up to its limit of ready jobs under a lease; all in
    /// one round trip. The replies are in the order of the requests.
    func claim(_ requests: [ClaimRequest]) async throws -> [ClaimReply]
    /// Extends leases of one queue by `lease` from now, and says which are lost and which jobs are to be cancelled.
    func extend(_ claims: [ClaimReference], in queue: String, by lease: Duration) async throws -> ExtendReply
    /// Ends attempts, of any mix of queues, and says for each in order whether it counted.
    func settle(_ settlements: [Settlement]) async throws -> [SettleOutcome]
    /// Stores a progress report or result of a running attempt. Returns false where the lease is lost.
    func update(_ claim: ClaimReference, run: RunRecord) async throws -> Bool
    /// Takes back up to `limit` jobs of a queue whose lease has run out.
    func reclaim(_ request: ReclaimRequest) async throws -> [ReclaimedJob]

    /// Returns when one of the queues may have something to claim, or after `limit`. It takes no job.
    func waitForWork(in queues: [String], atMost limit: Duration) async throws
    /// Wakes one idle worker of each queue that has something to claim: called where a wake-up may have been swallowed.
    func passWakeUp(in queues: [String]) async throws

    /// Drops finished jobs whose retention is over and locks that have run out, in bounded steps.
    ///
    /// - Returns: how many records were dropped; call again when it is not zero.
    func sweep(_ queue: String) async throws -> Int
    /// Makes a worker known, until `lifetime` has passed without another call.
    func announce(_ worker: WorkerInfo, lifetime: Duration) async throws
    /// Forgets a worker.
    func retire(workerID: String) async throws
    /// The workers that are known and have not lapsed.
    func workers() async throws -> [WorkerInfo]
    /// How many of them serve each queue; the same as counting in ``workers()``, which an engine may do for less.
    func workersByQueue() async throws -> WorkersByQueue

    /// The names of the queues, in order.
    func queues() async throws -> [String]
    /// Finds a job; `queue` spares the search through all queues.
    func job(_ id: JobID, in queue: String?) async throws -> JobRecord?
    /// A page of the jobs of a queue in one state.
    func list(_ request: ListRequest) async throws -> ListPage
    /// Counts of the named queues, or of all, at a cost that does not grow with their depth.
    func counts(of queues: [String]?) async throws -> [QueueCounts]
    /// Stops claims from a queue; what is running goes on.
    func pause(_ queue: String) async throws
    /// Lets claims go on.
    func resume(_ queue: String) async throws
    /// Acts on one job as a person asked.
    func perform(_ action: JobAction, on id: JobID, in queue: String) async throws -> ActionOutcome
    /// Removes or redrives up to `limit` jobs of a queue in one state, oldest first.
    ///
    /// - Returns: how many; call again until it is zero.
    func performAll(_ request: BulkRequest) async throws -> BulkReply
}

extension Engine {
    /// By reading all workers.
    public func workersByQueue() async throws -> WorkersByQueue {
        WorkersByQueue(try await workers().map(\.queues))
    }

    /// By counting all.
    public func queues() async throws -> [String] {
        try await counts(of: nil).map(\.queue)
    }

    /// Claims from one queue.
    public func claim(_ request: ClaimRequest) async throws -> ClaimReply {
        // An engine answers every request, so there is exactly one reply.
        try await claim([request])[0]
    }
}

/// How `JobQueue` gets its engine: `.redis("redis://localhost:6379")`, `.inMemory()`.
public struct EngineSource: Sendable {
    /// Makes the engine; it is not started yet.
    public let make: @Sendable (EngineEnvironment) throws -> any Engine

    /// Wraps a way to make an engine.
    public init(_ make: @escaping @Sendable (EngineEnvironment) throws -> any Engine) {
        self.make = make
    }

    /// An engine that exists already, to be shared by several queues.
    public static func existing(_ engine: any Engine) -> EngineSource {
        EngineSource { _ in engine }
    }
}
