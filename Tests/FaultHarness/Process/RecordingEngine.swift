// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// The real engine, which notes what it answered to settlements and heartbeats.
package struct RecordingEngine<Recorded: Engine & JobKeeper>: Engine, JobKeeper {
    private let engine: Recorded
    private let history: HistoryFile

    package init(_ engine: Recorded, _ history: HistoryFile) {
        self.engine = engine
        self.history = history
    }

    package func settle(
        _ settlements: [Settlement]
    ) async throws(CancellationError) -> [Result<SettleOutcome, SpanQueueError>] {
        let outcomes = try await engine.settle(settlements)
        for (settlement, outcome) in zip(settlements, outcomes) {
            let claim = settlement.reference
            switch outcome {
            case .success(.lost): history.note(.settleLost, claim.id.description, token: claim.token.value)
            case .success(.settled) where settlement.verdict == .complete:
                history.note(.settled, claim.id.description, token: claim.token.value)
            case .success, .failure: break
            }
        }
        return outcomes
    }

    package func extend(
        _ batches: [LeaseBatch]
    ) async throws(CancellationError) -> [Result<ExtendReply, SpanQueueError>] {
        let replies = try await engine.extend(batches)
        for (batch, reply) in zip(batches, replies) {
            guard case .success(let reply) = reply else { continue }
            for claim in batch.claims where reply.lost.contains(claim.id) {
                history.note(.heartbeatLost, claim.id.description, token: claim.token.value)
            }
        }
        return replies
    }

    package var name: String { engine.name }
    package func start() async throws { try await engine.start() }
    package func shutdown() async { await engine.shutdown() }
    package func now() async throws -> Timestamp { try await engine.now() }
    package func enqueue(_ job: NewJob, until deadline: ContinuousClock.Instant) async throws -> EnqueueOutcome {
        try await engine.enqueue(job, until: deadline)
    }
    package func enqueue(
        _ jobs: [NewJob], until deadline: ContinuousClock.Instant
    ) async throws -> [EnqueueOutcome] {
        try await engine.enqueue(jobs, until: deadline)
    }
    package func claim(
        _ requests: [ClaimRequest]
    ) async throws(CancellationError) -> [Result<ClaimReply, SpanQueueError>] {
        try await engine.claim(requests)
    }
    package func report(_ progress: JobProgress, on job: ClaimedJob) async throws -> Bool {
        try await engine.report(progress, on: job)
    }
    package func reclaim(_ request: ReclaimRequest) async throws -> [ReclaimedJob] {
        try await engine.reclaim(request)
    }
    package func waitForWork(in queues: [String], until deadline: ContinuousClock.Instant) async throws {
        try await engine.waitForWork(in: queues, until: deadline)
    }
    package func passWakeUp(in queues: [String]) async { await engine.passWakeUp(in: queues) }
    package func sweep(_ queue: String, within budget: Duration) async throws -> SweepReply {
        try await engine.sweep(queue, within: budget)
    }
    package func announce(_ worker: WorkerInfo, lifetime: Duration) async throws {
        try await engine.announce(worker, lifetime: lifetime)
    }
    package func retire(workerID: String) async throws { try await engine.retire(workerID: workerID) }
    package func queues() async throws -> [String] { try await engine.queues() }
    package func workers() async throws -> [WorkerInfo] { try await engine.workers() }
    package func job(_ id: JobID, in queue: String?) async throws -> JobRecord? {
        try await engine.job(id, in: queue)
    }
    package func list(_ request: ListRequest) async throws -> ListPage { try await engine.list(request) }
    package func counts(of queues: [String]) async throws -> [QueueCounts] { try await engine.counts(of: queues) }
    package func pause(_ queue: String, note: OperatorNote) async throws -> Bool {
        try await engine.pause(queue, note: note)
    }
    package func resume(_ queue: String) async throws -> Bool { try await engine.resume(queue) }
    package func perform(
        _ action: JobAction, on id: JobID, in queue: String, by: String?
    ) async throws -> ActionOutcome {
        try await engine.perform(action, on: id, in: queue, by: by)
    }
    package func performAll(_ request: BulkRequest) async throws -> BulkReply {
        try await engine.performAll(request)
    }
    package func delete(_ queue: String) async throws -> Bool { try await engine.delete(queue) }
}

/// Records an engine of which only here is known what it is.
package func recorded(_ engine: any Engine, _ history: HistoryFile) -> any Engine {
    func open(_ engine: some Engine & JobKeeper) -> any Engine { RecordingEngine(engine, history) }
    guard let engine = engine as? any Engine & JobKeeper else { return engine }
    return open(engine)
}
