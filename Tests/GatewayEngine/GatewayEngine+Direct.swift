// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// What no rpc does goes to the engine behind the gateway.
extension GatewayEngine {
    /// The time is told with what happens then.
    package func now() async throws -> Timestamp { try await behind.now() }

    // MARK: Workers

    /// In a stream, with a heartbeat; not without one.
    package func report(_ progress: JobProgress, on job: ClaimedJob) async throws -> Bool {
        try await behind.report(progress, on: job)
    }
    /// The gateway waits for those that it serves.
    package func waitForWork(in queues: [String], until deadline: ContinuousClock.Instant) async throws {
        try await behind.waitForWork(in: queues, until: deadline)
    }
    package func passWakeUp(in queues: [String]) async { await behind.passWakeUp(in: queues) }
    /// The gateway makes known who has a stream.
    package func announce(_ worker: WorkerInfo, lifetime: Duration) async throws {
        try await behind.announce(worker, lifetime: lifetime)
    }
    package func retire(workerID: String) async throws { try await behind.retire(workerID: workerID) }

    // MARK: Upkeep, which is the gateway's own

    package func reclaim(_ request: ReclaimRequest) async throws -> [ReclaimedJob] {
        try await behind.reclaim(request)
    }
    package func sweep(_ queue: String, within budget: Duration) async throws -> SweepReply {
        guard let keeper = behind.keeper else { return SweepReply(dropped: 0, isFinished: true) }
        return try await keeper.sweep(queue, within: budget)
    }

    // MARK: Many jobs, which `Admin` searches through and acts on as a whole

    package func performAll(_ request: BulkRequest) async throws -> BulkReply { try await behind.performAll(request) }
    package func types(_ request: SearchRequest) async throws -> TypePage { try await tap.searcher.types(request) }
    package func perform(
        _ action: JobAction, on ids: [JobID], in queue: String, if state: JobState, by: String?
    ) async throws -> [ActionOutcome] {
        try await tap.searcher.perform(action, on: ids, in: queue, if: state, by: by)
    }
    package func delete(_ queue: String) async throws -> Bool { try await behind.delete(queue) }
}
