// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTelemetry
import Testing

/// An engine with a queue to test it on, and short words for what the tests do with them.
struct Bench: Sendable {
    let engine: any Engine
    let queue: String
    let passTime: @Sendable (Duration) async throws -> Void

    /// Lets time pass: on a manual clock by moving it, else by waiting.
    func pass(_ duration: Duration) async throws { try await passTime(duration) }

    // MARK: Jobs

    func job(
        _ id: JobID = .random(), in queue: String? = nil, type: String = "test", payload: [UInt8] = [1, 2, 3],
        priority: Int = 0, maxRetries: Int = 3, unique: UniqueLock? = nil, retention: Retention = .standard,
        digest: UInt64? = nil, schedule: Schedule = .now, expiry: Expiry? = nil, tags: [String] = []
    ) -> NewJob {
        let message = JobMessage(
            id: id, queue: queue ?? self.queue, type: type, payload: payload, priority: priority,
            maxRetries: maxRetries, backoff: nil, timeout: nil, deadline: nil, unique: unique, retention: retention,
            tags: tags, trace: .root(), runAt: nil, enqueuedAt: Timestamp(milliseconds: 0), contentDigest: digest)
        return NewJob(message: message, schedule: schedule, expiry: expiry)
    }

    func lock(_ byte: UInt8, _ span: UniqueSpan) -> UniqueLock {
        UniqueLock(digest: [UInt8](repeating: byte, count: UniqueLock.digestBytes), span: span)
    }

    func enqueue(_ jobs: [NewJob]) async throws -> [EnqueueOutcome] { try await engine.enqueue(jobs) }

    /// Enqueues one job.
    @discardableResult
    func enqueue(_ job: NewJob) async throws -> EnqueueOutcome {
        try #require(try await engine.enqueue([job]).first)
    }

    /// Enqueues jobs that must be accepted, and gives their ids.
    @discardableResult
    func accept(_ jobs: [NewJob]) async throws -> [JobID] {
        for outcome in try await enqueue(jobs) { try #require(outcome.isFresh) }
        return jobs.map(\.message.id)
    }

    /// Enqueues a plain job, and gives its id.
    func accept(_ job: NewJob? = nil) async throws -> JobID {
        try await accept([job ?? self.job()])[0]
    }

    // MARK: Work

    func claim(
        _ limit: Int = 100, lease: Duration = .seconds(30), worker: String = "worker-1"
    ) async throws -> ClaimReply {
        try await engine.claim(ClaimRequest(queue: queue, limit: limit, lease: lease, worker: worker))
    }

    /// Claims the one job that there must be.
    func claimOne(lease: Duration = .seconds(30), worker: String = "worker-1") async throws -> ClaimedJob {
        let reply = try await claim(1, lease: lease, worker: worker)
        return try #require(reply.jobs.first, "nothing to claim")
    }

    /// Enqueues a job and claims it.
    func acceptAndClaim(_ job: NewJob? = nil, lease: Duration = .seconds(30)) async throws -> ClaimedJob {
        let id = try await accept(job)
        let claimed = try await claimOne(lease: lease)
        try #require(claimed.message.id == id)
        return claimed
    }

    /// The end of an attempt as a worker writes it.
    func settlement(
        of claimed: ClaimedJob, _ verdict: Verdict, error: String? = nil, fingerprint: UInt64? = nil,
        result: [UInt8]? = nil
    ) -> Settlement {
        Settlement(
            claimed, verdict,
            AttemptReport(
                errorType: error == nil ? nil : "TestError", error: error, fingerprint: fingerprint, result: result))
    }

    @discardableResult
    func settle(
        _ claimed: ClaimedJob, _ verdict: Verdict, error: String? = nil, fingerprint: UInt64? = nil,
        result: [UInt8]? = nil
    ) async throws -> SettleOutcome {
        let settlement = settlement(of: claimed, verdict, error: error, fingerprint: fingerprint, result: result)
        return try #require(try await engine.settleAll([settlement]).first)
    }

    func reclaim(maxReclaims: Int = 3, limit: Int = 100) async throws -> [ReclaimedJob] {
        try await engine.reclaim(ReclaimRequest(queue: queue, limit: limit, maxReclaims: maxReclaims))
    }

    // MARK: What there is

    func record(_ id: JobID) async throws -> JobRecord {
        try #require(try await engine.job(id, in: queue), "no record of \(id)")
    }

    func state(_ id: JobID) async throws -> JobState? { try await engine.job(id, in: queue)?.state }

    func counts() async throws -> QueueCounts {
        try #require(try await engine.counts(of: [queue]).first)
    }

    /// All ids in a state, gathered page by page.
    func ids(_ state: JobState, page: Int = 100) async throws -> [JobID] {
        try await records(state, page: page).map(\.message.id)
    }

    func records(_ state: JobState, page: Int = 100) async throws -> [JobRecord] {
        var request = ListRequest(queue: queue, state: state, limit: page)
        var records: [JobRecord] = []
        for _ in 0..<1000 {
            let reply = try await engine.list(request)
            #expect(reply.jobs.count <= page)
            records += reply.jobs
            guard let cursor = reply.cursor else { return records }
            request.cursor = cursor
        }
        Issue.record("the pages of \(state) jobs do not come to an end")
        return records
    }

    func states(of ids: [JobID]) async throws -> [JobState?] {
        var states: [JobState?] = []
        for id in ids { states.append(try await state(id)) }
        return states
    }

    func perform(_ action: JobAction, on id: JobID) async throws -> ActionOutcome {
        try await engine.perform(action, on: id, in: queue)
    }
}

extension EnqueueOutcome {
    /// Whether the job was added by this call.
    var isFresh: Bool {
        if case .accepted(_, _, let isRepeat) = self { !isRepeat } else { false }
    }

    /// Whether the job had been added by an earlier call.
    var isRepeat: Bool {
        switch self {
        case .accepted(_, _, let isRepeat): isRepeat
        case .present: true
        default: false
        }
    }

    /// Who holds the lock that the job wanted, if that is why it was not added.
    var owner: JobID? {
        if case .duplicate(let job) = self { job.id } else { nil }
    }
}

extension ClaimedJob {
    /// The same claim under another name, token or worker.
    func named(_ id: JobID? = nil, token: FencingToken? = nil, worker: String? = nil) -> ClaimedJob {
        var reference = reference
        if let id { reference.id = id }
        if let token { reference.token = token }
        if let worker { reference.worker = worker }
        return ClaimedJob(message: message, run: run ?? RunRecord(), reference: reference, claimedAt: claimedAt)
    }
}
