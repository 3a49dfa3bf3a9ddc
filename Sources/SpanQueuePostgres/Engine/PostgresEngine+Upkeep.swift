// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue
import SpanQueueLoop
import Synchronization

extension PostgresEngine {
    /// How late by the server's clock a reclaim may be, at most.
    private static let reclaimMargin = Duration.seconds(1)
    /// The most records of a kind that one call of a sweep drops.
    private static let sweepStep = 1000

    func reclaim(_ request: ReclaimRequest) async throws -> [ReclaimedJob] {
        // A step of the clock makes leases look lapsed that are not. Where no answer has told the time yet, it is asked for first; and the
        // call itself does nothing if the clock has moved on by more than a lease stands.
        if request.grace > .zero, !node.knowsTime { _ = try await now() }
        guard node.doubt(within: request.grace) == nil else { return [] }
        let margin = min(Self.reclaimMargin, request.grace / 4)
        let notAfter = request.grace > .zero ? node.notAfter(.now + margin) : 0
        let rows: PostgresRows
        do {
            // Not made again after a lost answer: the jobs are back, and only the news of it is lost.
            rows = try await work.run(
                PostgresCall(
                    "reclaim", statements.reclaim,
                    [
                        .text(request.queue), .int4(max(1, min(request.limit, ReclaimRequest.maximumBatch))),
                        .int4(request.maxReclaims), .int8(notAfter),
                    ]), idempotent: false)
        } catch let error as PostgresError where error.isLate {
            node.noteLate()
            return []
        } catch let error as PostgresError {
            throw SpanQueueError(error)
        }
        return try read { () throws(PostgresError) in
            var jobs: [ReclaimedJob] = []
            var now = Timestamp(milliseconds: 0)
            for row in 0..<rows.count {
                guard let id = try rows.optionalText(row, 0) else {
                    now = Timestamp(milliseconds: try rows.integer(row, 2))
                    node.learn(now)
                    continue
                }
                jobs.append(try Self.reclaimed(rows, row, id: JobID(unchecked: id), queue: request.queue))
            }
            if jobs.contains(where: { $0.state == .ready }) { wakeOne(request.queue) }
            publish(request.queue) { most in
                QueueEvent(queue: request.queue, at: now, all: jobs.map(QueueEvent.Change.init(reclaimed:)), most: most)
            }
            // They were taken from the latest lapse to the earliest.
            return jobs.reversed()
        }
    }

    private static func reclaimed(
        _ rows: PostgresRows, _ row: Int, id: JobID, queue: String
    ) throws(PostgresError) -> ReclaimedJob {
        let fate = try rows.text(row, 1)
        let token = FencingToken(
            value: try rows.integer(row, 2), nonce: UInt32(truncatingIfNeeded: try rows.integer(row, 3)))
        let reference = ClaimReference(id: id, queue: queue, token: token, worker: try rows.text(row, 4))
        let stored = try StoredJob(rows, row, columns: (enqueuedAt: 5, message: 6, payload: 7, run: 8))
        let records = try? stored.unpacked(id: id, queue: queue)
        let state: JobState = fate == "r" ? .ready : fate == "d" ? .dead : .cancelled
        return ReclaimedJob(reference: reference, state: state, message: records?.0, run: records?.1 ?? RunRecord())
    }

    func sweep(_ queue: String, within budget: Duration) async throws -> SweepReply {
        let end = ContinuousClock.now + budget
        var dropped = 0
        var isFinished = false
        while true {
            let rows = try await call(
                PostgresCall(
                    "sweep", statements.sweep,
                    [
                        .text(queue), .int8(options.retention.milliseconds), .int8(Int64(options.retentionCount)),
                        .int8(options.deadRetention?.milliseconds ?? 0), .int4(Self.sweepStep),
                    ]))
            let isFull = try read { () throws(PostgresError) in
                dropped += Int(try rows.integer(0, 0))
                return try rows.bool(0, 1)
            }
            isFinished = !isFull
            guard isFull, end > .now else { break }
        }
        // What others add, they fold.
        if folded.withLock({ $0.insert(queue).inserted }) {
            do {
                _ = try await call(
                    PostgresCall("fold_errors", statements.foldErrors, [.text(queue), .int4(Limits.errorGroups)]))
            } catch {
                folded.withLock { _ = $0.remove(queue) }
                throw error
            }
        }
        return SweepReply(dropped: dropped, isFinished: isFinished)
    }

    // MARK: Waiting

    /// Where less is to be waited, the worker just sleeps.
    private static let shortestWait = Duration.milliseconds(2)

    func waitForWork(in queues: [String], until deadline: ContinuousClock.Instant) async throws {
        let limit = deadline - .now
        guard limit >= Self.shortestWait else { return try await loop.sleep(for: limit) }
        listen()
        let waiter = try waiters.add(queues)
        defer { waiters.remove(waiter) }
        var hasWork = false
        if idleNotes.isUpToDate(queues) {
            // Nothing has come since the claim. What is said is to last.
            if !idleNotes.isSaid(queues, at: .now + idleWait) { try await sayIdle(queues) }
        } else {
            hasWork = try await sayIdleAndLook(queues, waiter, until: deadline)
        }
        while !hasWork, ContinuousClock.now < deadline {
            if try await waiter.sleep(until: min(deadline, .now + idleWait)) { return }
            guard ContinuousClock.now < deadline else { return }
            hasWork = try await sayIdleAndLook(queues, waiter, until: deadline)
        }
    }

    /// Says that somebody may sleep, which is committed when this returns.
    private func sayIdle(_ queues: [String]) async throws {
        let start = ContinuousClock.now
        _ = try await call(PostgresCall("idle", statements.idle, [.texts(queues)]), on: work)
        idleNotes.noteSaid(queues, at: start, unseen: quickCall * 2)
    }

    /// First it is said that somebody may sleep, and that is committed; then it is looked. So what is enqueued later wakes us, and where
    /// nobody slept before, a second look finds what was under way meanwhile.
    ///
    /// - Returns: whether there is something to do.
    private func sayIdleAndLook(
        _ queues: [String], _ waiter: Waiter, until deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        let start = ContinuousClock.now
        let look = PostgresCall("has_work", statements.hasWork, [.texts(queues)])
        let wasSaid = idleNotes.isSaid(queues, at: start)
        var calls = [look]
        if !idleNotes.isSaid(queues, at: start + idleWait) {
            calls.insert(PostgresCall("idle", statements.idle, [.texts(queues)]), at: 0)
        }
        let answers = try await work.pipeline(calls, idempotent: true)
        let hasWork = try read { () throws(PostgresError) in
            var hasWork = false
            for (place, answer) in answers.enumerated() {
                let rows = try answer.get()
                if place == calls.count - 1 { hasWork = try rows.bool(0, 0) }
            }
            return hasWork
        }
        if calls.count > 1 { idleNotes.noteSaid(queues, at: start, unseen: quickCall * 2) }
        guard !hasWork, !wasSaid else { return hasWork }
        if try await waiter.sleep(until: min(deadline, .now + quickCall * 2)) { return true }
        guard ContinuousClock.now < deadline else { return false }
        let rows = try await call(look, on: work)
        return try read { () throws(PostgresError) in try rows.bool(0, 0) }
    }

    func passWakeUp(in queues: [String]) async {
        // A wake-up too many costs one look at the queue.
        for queue in queues { wakeOne(queue) }
    }

    // MARK: Workers

    func announce(_ worker: WorkerInfo, lifetime: Duration) async throws {
        _ = try await call(
            PostgresCall(
                "announce", statements.announce,
                [
                    .text(worker.id), .text(worker.host), .int8(Int64(worker.pid)), .texts(worker.queues),
                    .int8(Int64(worker.concurrency)), .int8(Int64(worker.busy)), .int8(worker.startedAt.milliseconds),
                    .text(worker.version), .texts(worker.types), .int8(lifetime.milliseconds),
                ]), on: work)
    }

    func retire(workerID: String) async throws {
        _ = try await call(PostgresCall("retire", statements.retire, [.text(workerID)]), on: work)
    }

    func workers() async throws -> [WorkerInfo] {
        let rows = try await call(PostgresCall("workers", statements.workers))
        return try read { () throws(PostgresError) in
            var workers: [WorkerInfo] = []
            for row in 0..<rows.count {
                workers.append(
                    WorkerInfo(
                        id: try rows.text(row, 0), host: try rows.text(row, 1), pid: Int(try rows.integer(row, 2)),
                        queues: try rows.texts(row, 3), concurrency: Int(try rows.integer(row, 4)),
                        busy: Int(try rows.integer(row, 5)),
                        startedAt: Timestamp(milliseconds: try rows.integer(row, 6)), version: try rows.text(row, 7),
                        types: try rows.texts(row, 8)))
            }
            return workers
        }
    }
}
