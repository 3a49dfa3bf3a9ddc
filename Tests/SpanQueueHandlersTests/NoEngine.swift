// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// An engine for contexts of handlers that never ask it for anything.
struct NoEngine: Engine {
    private var refusal: SpanQueueError { SpanQueueError(.closed, "there is no engine in this test") }

    let name = "none"
    func start() async throws { throw refusal }
    func shutdown() async {}
    func now() async throws -> Timestamp { throw refusal }
    func enqueue(_ job: NewJob, until deadline: ContinuousClock.Instant) async throws -> EnqueueOutcome {
        throw refusal
    }
    func enqueue(_ jobs: [NewJob], until deadline: ContinuousClock.Instant) async throws -> [EnqueueOutcome] {
        throw refusal
    }
    func claim(_ requests: [ClaimRequest]) async -> [Result<ClaimReply, SpanQueueError>] {
        requests.map { _ in .failure(refusal) }
    }
    func extend(_ batches: [LeaseBatch]) async -> [Result<ExtendReply, SpanQueueError>] {
        batches.map { _ in .failure(refusal) }
    }
    func settle(_ settlements: [Settlement]) async -> [Result<SettleOutcome, SpanQueueError>] {
        settlements.map { _ in .failure(refusal) }
    }
    func report(_ progress: JobProgress, on job: ClaimedJob) async throws -> Bool { throw refusal }
    func waitForWork(in queues: [String], until deadline: ContinuousClock.Instant) async throws { throw refusal }
    func passWakeUp(in queues: [String]) async {}
    func announce(_ worker: WorkerInfo, lifetime: Duration) async throws { throw refusal }
    func retire(workerID: String) async throws { throw refusal }
    func queues() async throws -> [String] { throw refusal }
    func workers() async throws -> [WorkerInfo] { throw refusal }
    func job(_ id: JobID, in queue: String?) async throws -> JobRecord? { throw refusal }
    func list(_ request: ListRequest) async throws -> ListPage { throw refusal }
    func counts(of queues: [String]) async throws -> [QueueCounts] { throw refusal }
    func pause(_ queue: String, note: OperatorNote) async throws -> Bool { throw refusal }
    func resume(_ queue: String) async throws -> Bool { throw refusal }
    func perform(
        _ action: JobAction, on id: JobID, in queue: String, by: String?
    ) async throws -> ActionOutcome { throw refusal }
    func performAll(_ request: BulkRequest) async throws -> BulkReply { throw refusal }
    func delete(_ queue: String) async throws -> Bool { throw refusal }
}
