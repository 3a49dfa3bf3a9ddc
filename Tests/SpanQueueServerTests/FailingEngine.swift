import SpanQueue

/// An engine that answers as a test has it answer, and else refuses.
struct FailingEngine: Engine {
    static let refusal = SpanQueueError(.unavailable, "redis://localhost: connection refused\nsecond line")

    /// What happens before every refusal: a wait, for an engine that hangs.
    var before: @Sendable () async throws -> Void = {}

    /// Whether it tells the time all the same.
    var tellsTime: @Sendable () -> Bool = { false }

    private func refuse<Value>() async throws -> Value {
        try await before()
        throw Self.refusal
    }

    func start() async throws {}
    func shutdown() async {}
    func now() async throws -> Timestamp {
        if tellsTime() { return Timestamp(milliseconds: 1) }
        return try await refuse()
    }
    func enqueue(_ jobs: [NewJob]) async throws -> [EnqueueOutcome] { try await refuse() }
    func claim(_ requests: [ClaimRequest]) async throws -> [ClaimReply] { try await refuse() }
    func extend(_ claims: [ClaimReference], in queue: String, by lease: Duration) async throws -> ExtendReply {
        try await refuse()
    }
    func settle(_ settlements: [Settlement]) async throws -> [SettleOutcome] { try await refuse() }
    func update(_ claim: ClaimReference, run: RunRecord) async throws -> Bool { try await refuse() }
    func reclaim(_ request: ReclaimRequest) async throws -> [ReclaimedJob] { try await refuse() }
    func waitForWork(in queues: [String], atMost limit: Duration) async throws { let _: Void = try await refuse() }
    func passWakeUp(in queues: [String]) async throws { let _: Void = try await refuse() }
    func sweep(_ queue: String) async throws -> Int { try await refuse() }
    func announce(_ worker: WorkerInfo, lifetime: Duration) async throws { let _: Void = try await refuse() }
    func retire(workerID: String) async throws { let _: Void = try await refuse() }
    func workers() async throws -> [WorkerInfo] { try await refuse() }
    func job(_ id: JobID, in queue: String?) async throws -> JobRecord? { try await refuse() }
    func list(_ request: ListRequest) async throws -> ListPage { try await refuse() }
    func counts(of queues: [String]?) async throws -> [QueueCounts] { try await refuse() }
    func pause(_ queue: String) async throws { let _: Void = try await refuse() }
    func resume(_ queue: String) async throws { let _: Void = try await refuse() }
    func perform(_ action: JobAction, on id: JobID, in queue: String) async throws -> ActionOutcome {
        try await refuse()
    }
    func performAll(_ request: BulkRequest) async throws -> BulkReply { try await refuse() }
}
