import SpanQueue

/// An engine for contexts of handlers that never ask it for anything.
struct NoEngine: Engine {
    private var refusal: SpanQueueError { SpanQueueError(.closed, "there is no engine in this test") }

    func start() async throws { throw refusal }
    func shutdown() async {}
    func now() async throws -> Timestamp { throw refusal }
    func enqueue(_ jobs: [NewJob]) async throws -> [EnqueueOutcome] { throw refusal }
    func claim(_ requests: [ClaimRequest]) async throws -> [ClaimReply] { throw refusal }
    func extend(_ claims: [ClaimReference], in queue: String, by lease: Duration) async throws -> ExtendReply {
        throw refusal
    }
    func settle(_ settlements: [Settlement]) async throws -> [SettleOutcome] { throw refusal }
    func update(_ claim: ClaimReference, run: RunRecord) async throws -> Bool { throw refusal }
    func reclaim(_ request: ReclaimRequest) async throws -> [ReclaimedJob] { throw refusal }
    func waitForWork(in queues: [String], atMost limit: Duration) async throws { throw refusal }
    func passWakeUp(in queues: [String]) async throws { throw refusal }
    func sweep(_ queue: String) async throws -> Int { throw refusal }
    func announce(_ worker: WorkerInfo, lifetime: Duration) async throws { throw refusal }
    func retire(workerID: String) async throws { throw refusal }
    func workers() async throws -> [WorkerInfo] { throw refusal }
    func job(_ id: JobID, in queue: String?) async throws -> JobRecord? { throw refusal }
    func list(_ request: ListRequest) async throws -> ListPage { throw refusal }
    func counts(of queues: [String]?) async throws -> [QueueCounts] { throw refusal }
    func pause(_ queue: String) async throws { throw refusal }
    func resume(_ queue: String) async throws { throw refusal }
    func perform(_ action: JobAction, on id: JobID, in queue: String) async throws -> ActionOutcome { throw refusal }
    func performAll(_ request: BulkRequest) async throws -> BulkReply { throw refusal }
}
