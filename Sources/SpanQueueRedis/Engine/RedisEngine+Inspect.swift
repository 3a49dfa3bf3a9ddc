// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue

extension RedisEngine {
    func job(_ id: JobID, in queue: String?) async throws -> JobRecord? {
        if let queue { return try await records([id], in: queue).first }
        let queues = try await queues()
        let calls = queues.map { inspection([id], in: $0) }
        for (queue, reply) in zip(queues, try await client.pipeline(calls, idempotent: true)) {
            do {
                if let record = try read(reply.get(), queue: queue).first { return record }
            } catch let error as RedisError {
                throw SpanQueueError(error)
            }
        }
        return nil
    }

    func list(_ request: ListRequest) async throws -> ListPage {
        guard let (set, list) = keys(request.queue).places(of: request.state) else {
            return ListPage(jobs: [], cursor: nil)
        }
        let step = try await walk(
            SearchRequest(
                queue: request.queue, state: request.state, query: JobQuery(), cursor: request.cursor,
                limit: request.limit, newestFirst: request.newestFirst),
            set: set, list: list)
        let jobs = try await records(step.ids, in: request.queue, state: request.state)
        return ListPage(jobs: jobs, cursor: step.isEnd ? nil : step.cursor)
    }

    /// Records of any number of jobs. One that has moved on since its id was read is not among them.
    func records(_ ids: [JobID], in queue: String, state: JobState) async throws -> [JobRecord] {
        var records: [JobRecord] = []
        for start in stride(from: 0, to: ids.count, by: 100) {
            let batch = Array(ids[start..<min(start + 100, ids.count)])
            records += try await self.records(batch, in: queue).filter { $0.state == state }
        }
        return records
    }

    func counts(of queues: [String]) async throws -> [QueueCounts] {
        let replies = try await client.pipeline(queues.map(countCall), idempotent: true)
        return try zip(queues, replies).map { name, reply in
            do {
                return try Self.counts(name, reply.get())
            } catch let error as RedisError {
                throw SpanQueueError(error)
            }
        }
    }

    func readyByPriority(of queues: [String]) async throws -> [[Int]] {
        let calls = queues.map { queue in
            let keys = keys(queue)
            return RedisScriptCall(scripts.levels, keys: [keys.ready, keys.priority])
        }
        return try await client.pipeline(calls, idempotent: true).map { reply in
            do {
                var cursor = RESPCursor(try reply.get())
                return try (0..<(try cursor.nextArrayCount())).map { _ in Int(try cursor.nextInteger()) }
            } catch let error as RedisError {
                throw SpanQueueError(error)
            }
        }
    }

    // MARK: Calls and replies

    func queues() async throws -> [String] {
        // Programs of layout 1 that still run list new queues in the old place.
        let lists = try await all([RedisKeys.queues, RedisKeys.Old.queues].map { RESPCommand("SMEMBERS", $0) })
        return Set(try lists.flatMap(Self.names)).sorted()
    }

    static func names(_ list: RESPReply) throws -> [String] {
        var cursor = RESPCursor(list)
        return try (0..<(try cursor.nextArrayCount())).map { _ in try cursor.nextString() }
    }

    private func records(_ ids: [JobID], in queue: String) async throws -> [JobRecord] {
        guard !ids.isEmpty else { return [] }
        return try read(try await call(inspection(ids, in: queue)), queue: queue)
    }

    private func inspection(_ ids: [JobID], in queue: String) -> RedisScriptCall {
        let keys = keys(queue)
        return RedisScriptCall(
            scripts.inspect,
            keys: [
                keys.jobs, keys.runs, keys.scheduled, keys.retrying, keys.active, keys.priority, keys.dead,
                keys.cancelled, keys.retained, keys.leases, keys.cancelling, keys.meta,
            ]
        ) { arguments in
            for id in ids { arguments.append(id.description) }
        }
    }

    /// What is stored of some jobs; at most 100. One that is gone is not among them.
    func inspect(_ ids: [JobID], in queue: String) async throws -> [InspectedJob] {
        guard !ids.isEmpty else { return [] }
        return try InspectedJob.read(try await call(inspection(ids, in: queue)))
    }

    /// Jobs whose record can't be read are shown as what can be told of them.
    private func read(_ reply: RESPReply, queue: String) throws -> [JobRecord] {
        try InspectedJob.read(reply).map { entry in
            var record: JobRecord
            do throws(PackingError) {
                let (message, run) = try Self.unpack(entry.message, entry.run, id: entry.id, queue: queue)
                record = JobRecord(message: message, state: entry.state, run: run)
            } catch {
                record = JobRecord(
                    message: .unreadable(id: entry.id, queue: queue, isNewer: error.isNewer), state: entry.state,
                    run: .unreadable(error.description, entry.run))
            }
            if entry.state == .scheduled || entry.state == .retrying { record.dueAt = entry.score }
            if entry.state == .active, let score = entry.score, let text = entry.lease {
                let lease: Lease
                do throws(PackingError) {
                    lease = try Lease(text)
                } catch {
                    throw SpanQueueError.unexpectedReply("inspect", error)
                }
                record.claim = ActiveClaim(
                    token: lease.token, worker: lease.worker, claimedAt: lease.claimedAt, leaseExpiresAt: score)
            }
            if entry.state == .active { record.cancelRequest = entry.cancelRequest.map(RunPacking.cancelRequest) }
            return record
        }
    }

    private func countCall(_ queue: String) -> RedisScriptCall {
        let keys = keys(queue)
        return RedisScriptCall(
            scripts.counts,
            keys: [
                keys.jobs, keys.runs, keys.scheduled, keys.ready, keys.priority, keys.active, keys.retrying,
                keys.completed, keys.retained, keys.dead, keys.cancelled, keys.meta,
            ])
    }

    private static func counts(_ queue: String, _ reply: RESPReply) throws -> QueueCounts {
        var cursor = RESPCursor(reply)
        let count = try cursor.nextArrayCount()
        let now = Timestamp(milliseconds: try cursor.nextDecimal())
        var jobs: [JobState: Int] = [.held: 0]
        for state in [JobState.scheduled, .ready, .active, .retrying, .completed, .dead, .cancelled] {
            jobs[state] = Int(try cursor.nextInteger())
        }
        let isPaused = try cursor.nextInteger() == 1
        let pause = pauseNote(try cursor.nextString())
        var totals = QueueTotals()
        totals.enqueued = Int(try cursor.nextDecimal())
        totals.completed = Int(try cursor.nextDecimal())
        totals.dead = Int(try cursor.nextDecimal())
        totals.cancelled = Int(try cursor.nextDecimal())
        totals.removed = Int(try cursor.nextDecimal())
        var oldest: Duration?
        for _ in 0..<max(0, count - 15) / 2 {
            let start = try cursor.nextBytes()
            let run = try cursor.nextOptionalBytes()
            guard let first = try? MessagePacking.eligibleAt(start) else { continue }
            let eligible = run.flatMap { try? RunPacking.unpack($0, eligibleAt: first).eligibleAt } ?? first
            oldest = max(oldest ?? .zero, now - eligible)
        }
        return QueueCounts(
            queue: queue, jobs: jobs, isPaused: isPaused, pause: pause, oldestReadyAge: oldest, totals: totals)
    }

    /// The field `pause` of `meta`: 13 digits, why, and behind a NUL who. Nil for what is none.
    private static func pauseNote(_ text: String) -> PauseNote? {
        guard let milliseconds = Int64(text.prefix(13)), milliseconds > 0 else { return nil }
        let parts = text.dropFirst(13).split(separator: "\0", maxSplits: 1, omittingEmptySubsequences: false)
        return PauseNote(
            at: Timestamp(milliseconds: milliseconds),
            note: OperatorNote(reason: String(parts[0]), by: parts.count > 1 ? String(parts[1]) : nil))
    }
}

/// What Redis holds of one job.
struct InspectedJob {
    let id: JobID
    let state: JobState
    /// Of the sorted set of its state (ms); nil where it is in none.
    let score: Timestamp?
    let lease: String?
    let cancelRequest: [UInt8]?
    let message: ArraySlice<UInt8>
    let run: [UInt8]?

    static func read(_ reply: RESPReply) throws(SpanQueueError) -> [InspectedJob] {
        do throws(RedisError) {
            var cursor = RESPCursor(reply)
            var jobs: [InspectedJob] = []
            for _ in 0..<(try cursor.nextArrayCount()) {
                try cursor.nextArray(of: 7)
                jobs.append(
                    InspectedJob(
                        id: JobID(unchecked: try cursor.nextString()),
                        state: JobState(rawValue: try cursor.nextString()),
                        score: Int64(try cursor.nextString()).map { Timestamp(milliseconds: $0) },
                        lease: try cursor.nextOptionalString(), cancelRequest: try cursor.nextOptionalBytes(),
                        message: try cursor.nextSlice(), run: try cursor.nextOptionalBytes()))
            }
            return jobs
        } catch {
            throw SpanQueueError.unexpectedReply("inspect", error)
        }
    }
}

extension RedisKeys {
    /// Where the jobs of a state stand: a sorted set, and for two of the states a list behind it. Nil for a state without jobs.
    func places(of state: JobState) -> (set: String, list: String?)? {
        switch state {
        case .scheduled: (scheduled, nil)
        case .ready: (priority, ready)
        case .active: (active, nil)
        case .retrying: (retrying, nil)
        case .completed: (retained, completed)
        case .dead: (dead, nil)
        case .cancelled: (cancelled, nil)
        default: nil
        }
    }
}
