// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

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

    private func refuse<Value>(each count: Int) async throws(CancellationError) -> [Result<Value, SpanQueueError>] {
        do {
            try await before()
        } catch {
            throw CancellationError()
        }
        return (0..<count).map { _ in .failure(Self.refusal) }
    }

    let name = "failing"
    func start() async throws {}
    func shutdown() async {}
    func now() async throws -> Timestamp {
        if tellsTime() { return Timestamp(milliseconds: 1) }
        return try await refuse()
    }
    func enqueue(_ job: NewJob, until deadline: ContinuousClock.Instant) async throws -> EnqueueOutcome {
        try await refuse()
    }
    func enqueue(_ jobs: [NewJob], until deadline: ContinuousClock.Instant) async throws -> [EnqueueOutcome] {
        try await refuse()
    }
    func claim(
        _ requests: [ClaimRequest]
    ) async throws(CancellationError) -> [Result<ClaimReply, SpanQueueError>] {
        try await refuse(each: requests.count)
    }
    func extend(
        _ batches: [LeaseBatch]
    ) async throws(CancellationError) -> [Result<ExtendReply, SpanQueueError>] {
        try await refuse(each: batches.count)
    }
    func settle(
        _ settlements: [Settlement]
    ) async throws(CancellationError) -> [Result<SettleOutcome, SpanQueueError>] {
        try await refuse(each: settlements.count)
    }
    func report(_ progress: JobProgress, on job: ClaimedJob) async throws -> Bool { try await refuse() }
    func waitForWork(in queues: [String], until deadline: ContinuousClock.Instant) async throws {
        let _: Void = try await refuse()
    }
    func passWakeUp(in queues: [String]) async {}
    func announce(_ worker: WorkerInfo, lifetime: Duration) async throws { let _: Void = try await refuse() }
    func retire(workerID: String) async throws { let _: Void = try await refuse() }
    func queues() async throws -> [String] { try await refuse() }
    func workers() async throws -> [WorkerInfo] { try await refuse() }
    func job(_ id: JobID, in queue: String?) async throws -> JobRecord? { try await refuse() }
    func list(_ request: ListRequest) async throws -> ListPage { try await refuse() }
    func counts(of queues: [String]) async throws -> [QueueCounts] { try await refuse() }
    func pause(_ queue: String, note: OperatorNote) async throws -> Bool { try await refuse() }
    func resume(_ queue: String) async throws -> Bool { try await refuse() }
    func perform(
        _ action: JobAction, on id: JobID, in queue: String, by: String?
    ) async throws -> ActionOutcome { try await refuse() }
    func performAll(_ request: BulkRequest) async throws -> BulkReply { try await refuse() }
    func delete(_ queue: String) async throws -> Bool { try await refuse() }
}
