// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueGateway
import SpanQueueLoop
import Synchronization

/// The engine behind a gateway, as the gateway has it. It passes every call on, and stands in for words that the protocol does not have: what
/// the suite says of a call is put in here, where the gateway has no way to know of it, and what the engine says more than the gateway tells is
/// kept for the suite.
///
/// It has no upkeep, and keeps neither journal nor counts: the gateway then makes none by itself.
final class EngineTap: JobStore, JobSource, JobInspector, JobOperator, JobSearcher {
    let name = "tap"
    private let engine: any Engine
    private let state = Mutex(State())

    /// A job's place, for calls about it.
    private struct Place: Hashable {
        let queue: String
        let id: JobID

        init(_ job: NewJob) {
            queue = job.message.queue
            id = job.message.id
        }
    }

    /// Whose claims are told apart.
    struct Lane: Hashable {
        let queue: String
        let worker: String
    }

    private struct Claiming {
        let lease: Duration?
        var replies: [ClaimReply] = []
    }

    private struct State {
        /// Enqueues that are on their way, as the suite has them, and what the engine has answered.
        var jobs: [Place: [NewJob]] = [:]
        var outcomes: [Place: [EnqueueOutcome]] = [:]
        /// Digests of locks: the gateway's by the suite's, and the other way round.
        var ours: [[UInt8]: [UInt8]] = [:]
        var theirs: [[UInt8]: [UInt8]] = [:]
        var claims: [Lane: Claiming] = [:]
        var leases: [ClaimReference: Duration] = [:]
        /// Why claims were not extended.
        var failures: [ClaimReference: SpanQueueError] = [:]
        var settlements: [ClaimReference: [Settlement]] = [:]
    }

    init(_ engine: any Engine) { self.engine = engine }

    var thread: LoopThread? { engine.thread }
    /// Whoever has the `GatewayEngine` starts and ends the engine.
    func start() async throws {}
    func shutdown() async {}
    func now() async throws -> Timestamp { try await engine.now() }

    // MARK: Enqueue

    /// These jobs are about to come.
    func expect(_ jobs: [NewJob]) {
        state.withLock { state in
            for job in jobs { state.jobs[Place(job), default: []].append(job) }
        }
    }

    /// What the engine has answered to them; nil for those that have not got there.
    func outcomes(of jobs: [NewJob]) -> [EnqueueOutcome?] {
        state.withLock { state in
            defer {
                for job in jobs {
                    state.jobs[Place(job)] = nil
                    state.outcomes[Place(job)] = nil
                }
            }
            return jobs.map { job in
                guard let first = state.outcomes[Place(job)]?.first else { return nil }
                state.outcomes[Place(job)]?.removeFirst()
                return first
            }
        }
    }

    func enqueue(_ job: NewJob, until deadline: ContinuousClock.Instant) async throws -> EnqueueOutcome {
        let outcome = try await engine.enqueue(completed(job), until: deadline)
        note([outcome], of: [job])
        return outcome
    }

    func enqueue(_ jobs: [NewJob], until deadline: ContinuousClock.Instant) async throws -> [EnqueueOutcome] {
        let outcomes = try await engine.enqueue(jobs.map(completed), until: deadline)
        note(outcomes, of: jobs)
        return outcomes
    }

    private func note(_ outcomes: [EnqueueOutcome], of jobs: [NewJob]) {
        state.withLock { state in
            for (job, outcome) in zip(jobs, outcomes) { state.outcomes[Place(job), default: []].append(outcome) }
        }
    }

    /// A job with what the protocol has no field for: the digests, which the gateway makes of contents and keys, and the span above the enqueue's.
    private func completed(_ job: NewJob) -> NewJob {
        state.withLock { state in
            guard let meant = state.jobs[Place(job)]?.first else { return job }
            state.jobs[Place(job)]?.removeFirst()
            var job = job
            job.message.contentDigest = meant.message.contentDigest
            job.message.parentSpanID = meant.message.parentSpanID
            guard let lock = job.message.unique, let own = meant.message.unique?.digest else { return job }
            // Two that are the same must be so on both sides.
            let known = (state.theirs[own] ?? lock.digest, state.ours[lock.digest] ?? own)
            guard known == (lock.digest, own) else { return job }
            state.theirs[own] = lock.digest
            state.ours[lock.digest] = own
            job.message.unique = UniqueLock(digest: own, span: lock.span)
            return job
        }
    }

    // MARK: Work

    /// A claim is about to come.
    ///
    /// - Parameter lease: where it is one that a gateway does not give.
    func expect(_ lane: Lane, lease: Duration?) {
        state.withLock { $0.claims[lane] = Claiming(lease: lease) }
    }

    /// What the engine has answered to it; nil where it has not been asked.
    func reply(to lane: Lane) -> ClaimReply? {
        let replies = state.withLock { $0.claims.removeValue(forKey: lane)?.replies } ?? []
        guard var last = replies.last else { return nil }
        last.jobs = replies.flatMap(\.jobs)
        last.unreadable = replies.flatMap(\.unreadable)
        last.vanished = replies.flatMap(\.vanished)
        last.promoted = replies.reduce(0) { $0 + $1.promoted }
        return last
    }

    func claim(
        _ requests: [ClaimRequest]
    ) async throws(CancellationError) -> [Result<ClaimReply, SpanQueueError>] {
        let meant = state.withLock { state in
            requests.map { request in
                var request = request
                request.lease = state.claims[Self.lane(of: request)]?.lease ?? request.lease
                return request
            }
        }
        let results = try await engine.claim(meant)
        state.withLock { state in
            for (request, result) in zip(requests, results) {
                if case .success(let reply) = result { state.claims[Self.lane(of: request)]?.replies.append(reply) }
            }
        }
        return results
    }

    private static func lane(of request: ClaimRequest) -> Lane { Lane(queue: request.queue, worker: request.worker) }

    /// These claims are about to be extended, or have been.
    ///
    /// - Parameter lease: where it is one that a gateway does not give.
    func expect(_ claims: [ClaimReference], lease: Duration?) {
        state.withLock { state in
            for claim in claims {
                state.leases[claim] = lease
                state.failures[claim] = nil
            }
        }
    }

    /// Why one of them was not; a heartbeat does not tell.
    func failure(of claims: [ClaimReference]) -> SpanQueueError? {
        state.withLock { state in claims.compactMap { state.failures[$0] }.first }
    }

    func extend(_ batches: [LeaseBatch]) async throws(CancellationError) -> [Result<ExtendReply, SpanQueueError>] {
        let meant = state.withLock { state in
            batches.map { batch in
                var batch = batch
                batch.lease = batch.claims.compactMap { state.leases[$0] }.first ?? batch.lease
                return batch
            }
        }
        let results = try await engine.extend(meant)
        state.withLock { state in
            for (batch, result) in zip(batches, results) {
                if case .failure(let error) = result { for claim in batch.claims { state.failures[claim] = error } }
            }
        }
        return results
    }

    /// These ends are about to come.
    func expect(_ settlements: [Settlement]) {
        state.withLock { state in
            for settlement in settlements { state.settlements[settlement.reference, default: []].append(settlement) }
        }
    }

    /// They have come, or will not.
    func forget(_ settlements: [Settlement]) {
        state.withLock { state in
            for settlement in settlements { state.settlements[settlement.reference] = nil }
        }
    }

    func settle(
        _ settlements: [Settlement]
    ) async throws(CancellationError) -> [Result<SettleOutcome, SpanQueueError>] {
        let meant = state.withLock { state in
            settlements.map { settlement in
                guard let own = state.settlements[settlement.reference]?.first else { return settlement }
                state.settlements[settlement.reference]?.removeFirst()
                return settlement.completed(by: own)
            }
        }
        return try await engine.settle(meant)
    }

    func report(_ progress: JobProgress, on job: ClaimedJob) async throws -> Bool {
        try await engine.report(progress, on: job)
    }
    func waitForWork(in queues: [String], until deadline: ContinuousClock.Instant) async throws {
        try await engine.waitForWork(in: queues, until: deadline)
    }
    func passWakeUp(in queues: [String]) async { await engine.passWakeUp(in: queues) }
    func announce(_ worker: WorkerInfo, lifetime: Duration) async throws {
        try await engine.announce(worker, lifetime: lifetime)
    }
    func retire(workerID: String) async throws { try await engine.retire(workerID: workerID) }

    // MARK: Looks and actions

    func queues() async throws -> [String] { try await engine.queues() }
    func workers() async throws -> [WorkerInfo] { try await engine.workers() }
    func workersByQueue() async throws -> WorkersByQueue { try await engine.workersByQueue() }
    func job(_ id: JobID, in queue: String?) async throws -> JobRecord? { try await engine.job(id, in: queue) }
    func list(_ request: ListRequest) async throws -> ListPage { try await engine.list(request) }
    func counts(of queues: [String]) async throws -> [QueueCounts] { try await engine.counts(of: queues) }

    /// A call without a name is made by anyone; for the suite that is nobody.
    private static func name(_ by: String?) -> String? { by == GatewayCaller.anyone.name ? nil : by }

    func pause(_ queue: String, note: OperatorNote) async throws -> Bool {
        try await engine.pause(queue, note: OperatorNote(reason: note.reason, by: Self.name(note.by)))
    }
    func resume(_ queue: String) async throws -> Bool { try await engine.resume(queue) }
    func perform(_ action: JobAction, on id: JobID, in queue: String, by: String?) async throws -> ActionOutcome {
        try await engine.perform(action, on: id, in: queue, by: Self.name(by))
    }
    func performAll(_ request: BulkRequest) async throws -> BulkReply { try await engine.performAll(request) }
    func delete(_ queue: String) async throws -> Bool { try await engine.delete(queue) }

    var searcher: any JobSearcher { engine as? any JobSearcher ?? ListSearcher(engine) }
    func search(_ request: SearchRequest) async throws -> SearchPage { try await searcher.search(request) }
    func types(_ request: SearchRequest) async throws -> TypePage { try await searcher.types(request) }
    func perform(
        _ action: JobAction, on ids: [JobID], in queue: String, if state: JobState, by: String?
    ) async throws -> [ActionOutcome] {
        try await searcher.perform(action, on: ids, in: queue, if: state, by: Self.name(by))
    }
}

extension Settlement {
    /// The end that the gateway has made of a result, with what a result has no field for, where the two are of one kind.
    fileprivate func completed(by meant: Settlement) -> Settlement {
        var report = report
        report.fingerprint = meant.report.fingerprint
        report.progress = meant.report.progress ?? report.progress
        let verdict: Verdict
        switch (self.verdict, meant.verdict) {
        case (.complete, .complete), (.retry, .retry), (.snooze, .snooze), (.release, .release):
            verdict = self.verdict
        case (.bury(let own), .bury(let reason)):
            verdict = .bury(meant.isSayable ? own : reason)
        case (.cancel(let own), .cancel(let reason)):
            // Without words the gateway has its own, and of many it keeps some.
            let isKept = own == Excerpt.bounded(reason, bytes: Limits.historyErrorBytes)
            verdict = .cancel(reason: reason.isEmpty || isKept ? reason : own)
        case (.cancel, .retry), (.cancel, .snooze), (.cancel, .bury):
            // It has told of a cancel, and whoever fails after that is cancelled. That is a rule of workers, which the suite has not to do with.
            (report.errorType, report.error) = (meant.report.errorType, meant.report.error)
            return Settlement(job, meant.verdict, report)
        default: return self
        }
        let tells = meant.tellsFailure
        if !tells || meant.report.errorType == nil { report.errorType = meant.report.errorType }
        if !tells || meant.report.error == nil { report.error = meant.report.error }
        return Settlement(job, verdict, report)
    }

    /// Whether a result can say why the job dies.
    var isSayable: Bool {
        switch verdict {
        case .bury(.permanent), .bury(.decodeError), .bury(.expired): true
        case .bury(.attemptsExhausted): isLast
        default: false
        }
    }

    /// Whether the job has no attempt left after this one.
    var isLast: Bool { job.attempt >= job.message.maxAttempts }

    /// Whether what went wrong is told in the result's words.
    private var tellsFailure: Bool {
        switch verdict {
        case .retry, .bury(.permanent), .bury(.attemptsExhausted): true
        default: false
        }
    }
}
