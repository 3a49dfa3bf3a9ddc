// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import SpanQueueTesting
import Testing

@testable import SpanQueue

/// The in-memory engine, with a script that sees each call first: it may refuse it, hold it up, or only take note of it.
struct ScriptedEngine: Engine, JobKeeper {
    enum Call: Hashable {
        case start, shutdown, report, job, claim, extend, settle, reclaim, wait, passWakeUp, sweep, announce, retire
    }

    let engine: InMemoryEngine
    /// One that does not start any more after that, as most; or one that does not notice.
    var endsOnShutdown = true
    /// Is told the call and its queues.
    let script: @Sendable (Call, [String]) async throws -> Void

    init(
        _ engine: InMemoryEngine = InMemoryEngine(),
        _ script: @escaping @Sendable (Call, [String]) async throws -> Void
    ) {
        self.engine = engine
        self.script = script
    }

    func queue(
        telemetry: JobTelemetry = JobTelemetry(), logger: Logger = Logger(label: "spanqueue")
    ) throws -> JobQueue {
        let engine = self
        return try JobQueue(engine: EngineSource { _ in engine }, telemetry: telemetry, logger: logger)
    }

    var name: String { "scripted" }

    /// A call that takes many: the script is asked once for each queue, and what it refuses is refused alone.
    private func each<Request, Reply>(
        _ call: Call, _ requests: [Request], _ queue: (Request) -> String,
        _ body: ([Request]) async throws(CancellationError) -> [Result<Reply, SpanQueueError>]
    ) async throws(CancellationError) -> [Result<Reply, SpanQueueError>] {
        var refusals: [String: SpanQueueError] = [:]
        for queue in Set(requests.map(queue)) {
            do {
                try await script(call, [queue])
            } catch let error as CancellationError {
                throw error
            } catch {
                refusals[queue] = error as? SpanQueueError ?? SpanQueueError(.engine, "\(error)", mayHaveRun: true)
            }
        }
        var replies = try await body(requests.filter { refusals[queue($0)] == nil })[...]
        return requests.map { request in refusals[queue(request)].map { .failure($0) } ?? replies.removeFirst() }
    }

    func claim(_ requests: [ClaimRequest]) async throws(CancellationError) -> [Result<ClaimReply, SpanQueueError>] {
        try await each(.claim, requests, \.queue) { requests throws(CancellationError) in
            try await engine.claim(requests)
        }
    }
    func extend(_ batches: [LeaseBatch]) async throws(CancellationError) -> [Result<ExtendReply, SpanQueueError>] {
        try await each(.extend, batches, \.queue) { batches throws(CancellationError) in
            try await engine.extend(batches)
        }
    }
    func settle(
        _ settlements: [Settlement]
    ) async throws(CancellationError) -> [Result<SettleOutcome, SpanQueueError>] {
        try await each(.settle, settlements, \.reference.queue) { settlements throws(CancellationError) in
            try await engine.settle(settlements)
        }
    }
    func reclaim(_ request: ReclaimRequest) async throws -> [ReclaimedJob] {
        try await script(.reclaim, [request.queue])
        return try await engine.reclaim(request)
    }
    func waitForWork(in queues: [String], until deadline: ContinuousClock.Instant) async throws {
        try await script(.wait, queues)
        try await engine.waitForWork(in: queues, until: deadline)
    }
    func passWakeUp(in queues: [String]) async {
        try? await script(.passWakeUp, queues)
        await engine.passWakeUp(in: queues)
    }
    func sweep(_ queue: String, within budget: Duration) async throws -> SweepReply {
        try await script(.sweep, [queue])
        return try await engine.sweep(queue, within: budget)
    }
    func announce(_ worker: WorkerInfo, lifetime: Duration) async throws {
        try await script(.announce, [])
        try await engine.announce(worker, lifetime: lifetime)
    }
    func retire(workerID: String) async throws {
        try await script(.retire, [])
        try await engine.retire(workerID: workerID)
    }
    func start() async throws {
        try await script(.start, [])
        try await engine.start()
    }
    func shutdown() async {
        try? await script(.shutdown, [])
        if endsOnShutdown { await engine.shutdown() }
    }
    func now() async throws -> Timestamp { try await engine.now() }
    func enqueue(_ job: NewJob, until deadline: ContinuousClock.Instant) async throws -> EnqueueOutcome {
        try await engine.enqueue(job, until: deadline)
    }
    func enqueue(_ jobs: [NewJob], until deadline: ContinuousClock.Instant) async throws -> [EnqueueOutcome] {
        try await engine.enqueue(jobs, until: deadline)
    }
    func report(_ progress: JobProgress, on job: ClaimedJob) async throws -> Bool {
        try await script(.report, [job.reference.queue])
        return try await engine.report(progress, on: job)
    }
    func queues() async throws -> [String] { try await engine.queues() }
    func workers() async throws -> [WorkerInfo] { try await engine.workers() }
    func job(_ id: JobID, in queue: String?) async throws -> JobRecord? {
        try await script(.job, [])
        return try await engine.job(id, in: queue)
    }
    func list(_ request: ListRequest) async throws -> ListPage { try await engine.list(request) }
    func counts(of queues: [String]) async throws -> [QueueCounts] { try await engine.counts(of: queues) }
    func pause(_ queue: String, note: OperatorNote) async throws -> Bool { try await engine.pause(queue, note: note) }
    func resume(_ queue: String) async throws -> Bool { try await engine.resume(queue) }
    func perform(_ action: JobAction, on id: JobID, in queue: String, by: String?) async throws -> ActionOutcome {
        try await engine.perform(action, on: id, in: queue, by: by)
    }
    func performAll(_ request: BulkRequest) async throws -> BulkReply { try await engine.performAll(request) }
    func delete(_ queue: String) async throws -> Bool { try await engine.delete(queue) }
}

/// Until what it waits for is true.
func eventually(
    _ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while try await !condition() {
        try #require(ContinuousClock.now < end, "\(what): it did not come about", sourceLocation: sourceLocation)
        try await Task.sleep(for: .milliseconds(5))
    }
}
