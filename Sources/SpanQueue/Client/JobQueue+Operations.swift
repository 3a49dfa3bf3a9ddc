// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry

extension JobQueue {
    /// Finds a job.
    ///
    /// - Parameters:
    ///   - id: the job's id.
    ///   - queue: spares the search through all queues; two queues may each have a job with one caller-given id, and
    ///     without the queue either may be returned.
    /// - Returns: nil where there is none, or none any more.
    public func job(_ id: JobID, in queue: String? = nil) async throws -> JobRecord? {
        try NameRule.jobID.check(id.description)
        if let queue { try NameRule.queue.check(queue) }
        return try await engine.job(id, in: queue)
    }

    /// The jobs of a queue in one state, in the order in which they will run or have ended. They are read in pages as you go on, so the
    /// sequence may be longer than memory; jobs that move meanwhile may be missed or come twice.
    ///
    /// ```swift
    /// for try await job in queue.jobs(.dead, in: "critical") { print(job.id, job.lastError ?? "") }
    /// ```
    ///
    /// - Parameter newestFirst: whether those that ended last come first: for dead and cancelled jobs alone.
    public func jobs(
        _ state: JobState, in queue: String, newestFirst: Bool = false
    ) -> AsyncThrowingStream<JobRecord, any Error> {
        let pages = JobPages(self, ListRequest(queue: queue, state: state, newestFirst: newestFirst))
        return AsyncThrowingStream(unfolding: { try await pages.next() })
    }

    /// A page of the jobs of a queue in one state.
    package func list(_ request: ListRequest) async throws -> ListPage {
        try NameRule.queue.check(request.queue)
        guard (1...1000).contains(request.limit) else {
            throw SpanQueueError(.invalidArgument, "a page of \(request.limit) jobs: use 1 to 1000")
        }
        guard !request.newestFirst || request.state.isNewestFirst else {
            throw SpanQueueError(.invalidArgument, "only jobs that have ended can be listed with the newest first")
        }
        return try await engine.list(request)
    }

    /// Counts of the named queues, or of all, by name.
    public func counts(of queues: [String]? = nil) async throws -> [QueueCounts] {
        for queue in queues ?? [] { try NameRule.queue.check(queue) }
        let engine = try await engine
        if let queues { return try await engine.counts(of: queues) }
        return try await engine.counts(of: engine.queues())
    }

    /// The names of the queues, in order.
    public func queues() async throws -> [String] {
        try await engine.queues()
    }

    /// The workers that are alive.
    package func workers() async throws -> [WorkerInfo] {
        try await engine.workers()
    }

    /// Stops claims from a queue; what is running goes on, and enqueues are accepted.
    ///
    /// - Parameter reason: in words, for those who find it paused.
    /// - Throws: `.notFound` where there is no such queue: it begins with its first job.
    public func pause(_ queue: String, reason: String = "") async throws {
        try await pause(queue, reason: reason, by: nil)
    }

    /// Stops claims in somebody's name.
    package func pause(_ queue: String, reason: String, by: String?) async throws {
        try NameRule.queue.check(queue)
        let note = OperatorNote(reason: try Self.checked(reason), by: by)
        guard try await engine.pause(queue, note: note) else { throw Self.noQueue(queue) }
    }

    /// Lets claims go on.
    ///
    /// - Throws: `.notFound` where there is no such queue.
    public func resume(_ queue: String) async throws {
        try NameRule.queue.check(queue)
        guard try await engine.resume(queue) else { throw Self.noQueue(queue) }
    }

    /// Forgets a queue without jobs: its totals, its locks, its pause. It begins again with its next job.
    ///
    /// - Throws: `.notFound` where there is no such queue; `.invalidState` where it has jobs, finished ones included: purge them
    ///   first.
    public func deleteQueue(_ queue: String) async throws {
        try NameRule.queue.check(queue)
        guard try await engine.delete(queue) else { throw Self.noQueue(queue) }
    }

    /// Cancels a job: at once while it does not run; within a heartbeat while it runs, if its handler heeds cancellation.
    ///
    /// - Throws: `.notFound`; `.invalidState` for a job that has completed or died.
    /// - Returns: where it stands now; `active` means that its worker will hear of it.
    @discardableResult
    public func cancel(_ id: JobID, in queue: String? = nil, reason: String = "") async throws -> JobState {
        try await perform(.cancel(reason: reason), on: id, in: queue, by: nil) ?? .cancelled
    }

    /// Makes a dead letter, or a job that waits for its time, ready now. A dead letter starts afresh: attempts and reclaims
    /// count from zero.
    ///
    /// - Throws: `.notFound`; `.invalidState` unless it is dead, scheduled, retrying or ready; `.conflict` where another job
    ///   holds its lock.
    public func redrive(_ id: JobID, in queue: String? = nil) async throws {
        _ = try await perform(.redrive, on: id, in: queue, by: nil)
    }

    /// Makes a job that does not run a dead letter.
    ///
    /// - Throws: `.notFound`; `.invalidState` unless it is scheduled, ready, retrying or dead.
    public func bury(_ id: JobID, in queue: String? = nil, reason: String = DeadReason.manual.rawValue) async throws {
        _ = try await perform(.bury(reason: reason), on: id, in: queue, by: nil)
    }

    /// A reason as it can be stored: a NUL would end it.
    fileprivate static func checked(_ reason: String) throws -> String {
        guard !reason.utf8.contains(0) else {
            throw SpanQueueError(.invalidArgument, "a reason can't have a NUL character in it")
        }
        return Excerpt.bounded(reason, bytes: Limits.errorBytes)
    }

    /// Forgets a job that does not run.
    ///
    /// - Throws: `.notFound`; `.invalidState` for a running job: cancel it first.
    public func remove(_ id: JobID, in queue: String? = nil) async throws {
        _ = try await perform(.remove, on: id, in: queue, by: nil)
    }

    /// Forgets all jobs that are in one state now, in bounded steps.
    ///
    /// - Returns: how many.
    @discardableResult
    public func purge(_ queue: String, _ state: JobState) async throws -> Int {
        try await performAll(.remove, queue: queue, state: state, by: nil).done
    }

    /// Makes all dead letters of a queue ready again, in bounded steps; those that die again meanwhile are left.
    ///
    /// - Returns: how many. A job whose lock another job holds is left as it is.
    @discardableResult
    public func redriveAll(_ queue: String) async throws -> Int {
        try await performAll(.redrive, queue: queue, state: .dead, by: nil).done
    }

    /// Acts on all jobs that are in one state now, in bounded steps, in somebody's name.
    package func performAll(
        _ action: BulkRequest.Action, queue: String, state: JobState, by: String?
    ) async throws -> BulkReply {
        try NameRule.queue.check(queue)
        guard state != .active else {
            throw SpanQueueError(.invalidState, "running jobs can't be purged: cancel them, or stop their workers")
        }
        let isSorted = state == .dead || state == .cancelled
        let now = isSorted ? try await engine.now() : nil
        var request = BulkRequest(queue: queue, state: state, action: action, notAfter: now, by: by)
        // Jobs that arrive meanwhile must not keep us busy forever: no more than there were at the start.
        var left = isSorted ? Int.max : try await counts(of: [queue]).first?[state] ?? 0
        var total = BulkReply(done: 0, skipped: 0)
        while left > 0 {
            request.limit = min(100, left)
            let reply = try await engine.performAll(request)
            total.done += reply.done
            total.skipped += reply.skipped
            request.skip = total.skipped
            left -= reply.done + reply.skipped
            if reply.done + reply.skipped == 0 { break }
        }
        return total
    }

    /// Acts on one job in somebody's name.
    ///
    /// - Returns: where it stands now, `active` where its worker is yet to hear of it; nil where it is gone.
    ///
    /// - Parameter state: nothing is done where it is in another one by then, but for that to which the action leads; nil for any.
    package func perform(
        _ action: JobAction, on id: JobID, in queue: String?, by: String?, if state: JobState? = nil
    ) async throws -> JobState? {
        let action = try action.checked()
        guard let queue = try await queueName(of: id, given: queue) else { throw Self.notFound(id) }
        // For its span's link: read before the action, which may remove the record.
        let message = spans == nil ? nil : try await engine.job(id, in: queue)?.message
        let start = spans == nil ? 0 : SystemClock.now()
        defer {
            if let message { spans?.acted(action.word, on: message, by: by, parent: .current, from: start) }
        }
        switch try await outcome(of: action, on: id, in: queue, by: by, if: state) {
        case .done(let state): return state
        case .requested: return .active
        case .notFound: throw Self.notFound(id)
        case .invalidState(let state):
            throw SpanQueueError(.invalidState, "job \(id) is \(state.rawValue): \(action.remedy)")
        case .duplicate(let owner):
            throw SpanQueueError(
                .conflict, "job \(id) is unique and job \(owner) holds its lock: wait until that is done, or remove it")
        }
    }

    private func outcome(
        of action: JobAction, on id: JobID, in queue: String, by: String?, if state: JobState?
    ) async throws -> ActionOutcome {
        let engine = try await engine
        guard let state else { return try await engine.perform(action, on: id, in: queue, by: by) }
        let searcher = engine as? any JobSearcher ?? ListSearcher(engine)
        return try await searcher.perform(action, on: [id], in: queue, if: state, by: by).first ?? .notFound
    }

    private func queueName(of id: JobID, given queue: String?) async throws -> String? {
        guard let queue else { return try await job(id)?.message.queue }
        try NameRule.jobID.check(id.description)
        try NameRule.queue.check(queue)
        return queue
    }

    private static func noQueue(_ queue: String) -> SpanQueueError {
        SpanQueueError(.notFound, "no queue \(queue): a queue is created by its first job")
    }

    private static func notFound(_ id: JobID) -> SpanQueueError {
        SpanQueueError(.notFound, "no job \(id): it never existed, or its record is no longer kept")
    }
}

/// Goes through the pages of a list, one job at a time.
private actor JobPages {
    private let queue: JobQueue
    private var request: ListRequest?
    private var jobs: ArraySlice<JobRecord> = []

    init(_ queue: JobQueue, _ request: ListRequest) {
        self.queue = queue
        self.request = request
    }

    func next() async throws -> JobRecord? {
        while jobs.isEmpty, var request {
            let page = try await queue.list(request)
            jobs = page.jobs[...]
            request.cursor = page.cursor
            self.request = page.cursor == nil ? nil : request
        }
        return jobs.popFirst()
    }
}

extension JobAction {
    /// With a reason as it can be stored.
    fileprivate func checked() throws -> JobAction {
        switch self {
        case .cancel(let reason): .cancel(reason: try JobQueue.checked(reason))
        case .bury(let reason): .bury(reason: try JobQueue.checked(reason))
        case .redrive, .remove: self
        }
    }

    /// The word for it.
    package var word: String {
        switch self {
        case .cancel: "cancel"
        case .redrive: "redrive"
        case .bury: "bury"
        case .remove: "remove"
        }
    }

    fileprivate var remedy: String {
        switch self {
        case .cancel: "only a job that has not ended can be cancelled"
        case .redrive: "only a dead letter, or a job that neither runs nor has ended, can be made ready"
        case .bury: "only a job that neither runs nor has ended can be buried; cancel a running one"
        case .remove: "a running job can't be removed; cancel it first"
        }
    }
}
