// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue

extension PostgresEngine {
    func queues() async throws -> [String] {
        let rows = try await call(PostgresCall("queues", statements.queues))
        return try read { () throws(PostgresError) in
            var names: [String] = []
            for row in 0..<rows.count { names.append(try rows.text(row, 0)) }
            return names.sorted()
        }
    }

    func job(_ id: JobID, in queue: String?) async throws -> JobRecord? {
        let rows = try await call(PostgresCall("job", statements.job, [.text(queue), .text(id.description)]))
        guard rows.count > 0 else { return nil }
        return try read { () throws(PostgresError) in try Self.record(rows, 0) }
    }

    func list(_ request: ListRequest) async throws -> ListPage {
        let isReverse = request.newestFirst && request.state.isNewestFirst
        var states = (isReverse ? request.state.stored.reversed() : request.state.stored)[...]
        var place: (score: Int64, nr: Int64)?
        if let cursor = request.cursor {
            let parts = cursor.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 3, let score = Int64(parts[1]), let nr = Int64(parts[2]),
                let state = states.firstIndex(of: String(parts[0]))
            else {
                throw SpanQueueError(
                    .invalidArgument, "not a cursor of this list: pass the one that the last page gave")
            }
            states = states[state...]
            place = (score, nr)
        }
        let limit = max(1, min(request.limit, 1000))
        var jobs: [JobRecord] = []
        // One more than is wanted tells whether there is another page.
        var last: String?
        while let state = states.popFirst() {
            let rows = try await call(
                PostgresCall(
                    "list", statements.list,
                    [
                        .text(request.queue), .text(state), .int8(place?.score), .int8(place?.nr),
                        .int4(limit + 1 - jobs.count), .bool(isReverse),
                    ]))
            place = nil
            for row in 0..<rows.count {
                if jobs.count == limit { return ListPage(jobs: jobs, cursor: last) }
                try read { () throws(PostgresError) in
                    jobs.append(try Self.record(rows, row))
                    last = "\(state)/\(try rows.integer(row, 4))/\(try rows.integer(row, 1))"
                }
            }
        }
        return ListPage(jobs: jobs, cursor: nil)
    }

    /// Jobs whose record can't be read are shown as what can be told of them.
    static func record(_ rows: PostgresRows, _ row: Int) throws(PostgresError) -> JobRecord {
        let queue = try rows.text(row, 0)
        let id = JobID(unchecked: try rows.text(row, 2))
        let state = JobState(stored: try rows.text(row, 3))
        let score = Timestamp(milliseconds: try rows.integer(row, 4))
        let stored = try StoredJob(rows, row, columns: (enqueuedAt: 5, message: 6, payload: 7, run: 8))
        var record: JobRecord
        do throws(PackingError) {
            let (message, run) = try stored.unpacked(id: id, queue: queue)
            record = JobRecord(message: message, state: state, run: run)
        } catch {
            record = JobRecord(
                message: .unreadable(id: id, queue: queue, isNewer: error.isNewer), state: state,
                run: .unreadable(error.description, stored.run))
        }
        if state == .scheduled || state == .retrying { record.dueAt = score }
        guard state == .active else { return record }
        let token = FencingToken(
            value: try rows.integer(row, 9), nonce: UInt32(truncatingIfNeeded: try rows.integer(row, 10)))
        record.claim = ActiveClaim(
            token: token, worker: try rows.text(row, 11), claimedAt: Timestamp(milliseconds: token.value / 1000),
            leaseExpiresAt: score)
        record.cancelRequest = try rows.optionalBytes(row, 12).map(RunPacking.cancelRequest)
        return record
    }

    func counts(of queues: [String]) async throws -> [QueueCounts] {
        guard !queues.isEmpty else { return [] }
        let answers = try await client.pipeline(
            [
                PostgresCall("counts", statements.counts, [.texts(queues)]),
                PostgresCall("pauses", statements.pauses, [.texts(queues)]),
            ], idempotent: true)
        return try read { () throws(PostgresError) in
            let rows = try answers[0].get()
            let pauses = try Self.pauses(answers[1].get())
            var all: [QueueCounts] = []
            for name in queues {
                let jobs = Dictionary(uniqueKeysWithValues: JobState.known.map { ($0, 0) })
                all.append(
                    QueueCounts(
                        queue: name, jobs: jobs, isPaused: false, oldestReadyAge: nil, totals: QueueTotals()))
            }
            for row in 0..<rows.count {
                let place = Int(try rows.integer(row, 0)) - 1
                guard all.indices.contains(place) else {
                    throw PostgresError(.protocolViolation, "counts answered for no queue \(place)")
                }
                try Self.fill(&all[place], rows, row)
                if all[place].isPaused { all[place].pause = pauses[all[place].queue] }
            }
            return all
        }
    }

    private static func pauses(_ rows: PostgresRows) throws(PostgresError) -> [String: PauseNote] {
        var pauses: [String: PauseNote] = [:]
        for row in 0..<rows.count {
            let note = OperatorNote(reason: try rows.optionalText(row, 2) ?? "", by: try rows.optionalText(row, 3))
            pauses[try rows.text(row, 0)] = PauseNote(at: Timestamp(milliseconds: try rows.integer(row, 1)), note: note)
        }
        return pauses
    }

    private static func fill(_ counts: inout QueueCounts, _ rows: PostgresRows, _ row: Int) throws(PostgresError) {
        let now = Timestamp(milliseconds: try rows.integer(row, 1))
        counts.isPaused = try rows.bool(row, 2)
        let numbers = try rows.integers(row, 3).map { Int($0 ?? 0) }
        guard numbers.count == 13 else { throw PostgresError(.protocolViolation, "counts are not 13 numbers") }
        let states: [JobState] = [.scheduled, .held, .ready, .active, .retrying, .completed, .dead, .cancelled]
        for (state, number) in zip(states, numbers) { counts.jobs[state] = number }
        counts.totals.enqueued = numbers[8]
        counts.totals.completed = numbers[9]
        counts.totals.dead = numbers[10]
        counts.totals.cancelled = numbers[11]
        counts.totals.removed = numbers[12]
        let enqueued = try rows.integers(row, 4)
        let messages = try rows.byteArrays(row, 5)
        let runs = try rows.byteArrays(row, 6)
        for (place, message) in messages.enumerated() {
            guard let message, let stamp = enqueued[place],
                let told = try? MessagePacking.unpack(
                    head: message[...], payload: [], enqueuedAt: Timestamp(milliseconds: stamp),
                    id: JobID(unchecked: ""), queue: "")
            else { continue }
            let run = runs[place].flatMap { try? RunPacking.unpack($0, eligibleAt: told.eligibleAt) }
            let age = max(.zero, now - (run?.eligibleAt ?? told.eligibleAt))
            counts.oldestReadyAge = max(counts.oldestReadyAge ?? .zero, age)
        }
    }
}
