package import SpanQueue

/// The real engine, which notes what it answered to settlements and heartbeats.
package struct RecordingEngine: Engine {
    private let engine: any Engine
    private let history: HistoryFile

    package init(_ engine: any Engine, _ history: HistoryFile) {
        self.engine = engine
        self.history = history
    }

    package func settle(_ settlements: [Settlement]) async throws -> [SettleOutcome] {
        let outcomes = try await engine.settle(settlements)
        for (settlement, outcome) in zip(settlements, outcomes) {
            let claim = settlement.reference
            if outcome == .lost {
                history.note(.settleLost, claim.id.description, token: claim.token.value)
            } else if settlement.verdict == .complete {
                history.note(.settled, claim.id.description, token: claim.token.value)
            }
        }
        return outcomes
    }

    package func extend(
        _ claims: [ClaimReference], in queue: String, by lease: Duration
    ) async throws -> ExtendReply {
        let reply = try await engine.extend(claims, in: queue, by: lease)
        for claim in claims where reply.lost.contains(claim.id) {
            history.note(.heartbeatLost, claim.id.description, token: claim.token.value)
        }
        return reply
    }

    package func start() async throws { try await engine.start() }
    package func shutdown() async { await engine.shutdown() }
    package func now() async throws -> Timestamp { try await engine.now() }
    package func enqueue(_ jobs: [NewJob]) async throws -> [EnqueueOutcome] { try await engine.enqueue(jobs) }
    package func claim(_ requests: [ClaimRequest]) async throws -> [ClaimReply] { try await engine.claim(requests) }
    package func update(_ claim: ClaimReference, run: RunRecord) async throws -> Bool {
        try await engine.update(claim, run: run)
    }
    package func reclaim(_ request: ReclaimRequest) async throws -> [ReclaimedJob] {
        try await engine.reclaim(request)
    }
    package func waitForWork(in queues: [String], atMost limit: Duration) async throws {
        try await engine.waitForWork(in: queues, atMost: limit)
    }
    package func passWakeUp(in queues: [String]) async throws { try await engine.passWakeUp(in: queues) }
    package func sweep(_ queue: String) async throws -> Int { try await engine.sweep(queue) }
    package func announce(_ worker: WorkerInfo, lifetime: Duration) async throws {
        try await engine.announce(worker, lifetime: lifetime)
    }
    package func retire(workerID: String) async throws { try await engine.retire(workerID: workerID) }
    package func workers() async throws -> [WorkerInfo] { try await engine.workers() }
    package func job(_ id: JobID, in queue: String?) async throws -> JobRecord? {
        try await engine.job(id, in: queue)
    }
    package func list(_ request: ListRequest) async throws -> ListPage { try await engine.list(request) }
    package func counts(of queues: [String]?) async throws -> [QueueCounts] { try await engine.counts(of: queues) }
    package func pause(_ queue: String) async throws { try await engine.pause(queue) }
    package func resume(_ queue: String) async throws { try await engine.resume(queue) }
    package func perform(_ action: JobAction, on id: JobID, in queue: String) async throws -> ActionOutcome {
        try await engine.perform(action, on: id, in: queue)
    }
    package func performAll(_ request: BulkRequest) async throws -> BulkReply {
        try await engine.performAll(request)
    }
}
