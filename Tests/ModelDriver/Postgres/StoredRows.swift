// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue

/// All that the tables hold of a queue. Of the counts there are the sums.
struct StoredRows: ModelStore {
    struct Job: Equatable {
        var nr: Int64
        var id: JobID
        var type: String
        var priority: Int
        var enqueuedAt: Timestamp
        var message: [UInt8]
        var payload: [UInt8]
        var live: Live?
        var done: Done?

        var run: [UInt8]? { live?.run ?? done?.run }
    }

    /// Where a job stands.
    struct Live: Equatable {
        var state: String
        var score: Int64
        var token: Int64?
        var nonce: Int64?
        var worker: String?
        var cancel: [UInt8]?
        var lastToken: Int64
        var run: [UInt8]?
    }

    /// How a job ended.
    struct Done: Equatable {
        var state: String
        var score: Int64
        var endedAt: Int64
        var lastToken: Int64
        var nonce: Int64?
        var run: [UInt8]
    }

    struct Lock: Equatable {
        var nr: Int64
        var owner: JobID
        var until: Int64?
    }

    /// In the order of their numbers.
    var jobs: [Job] = []
    var locks: [[UInt8]: Lock] = [:]
    /// Scheduled, held, ready, active, retrying, completed, kept, dead, cancelled; then the totals enqueued, completed, dead, cancelled,
    /// removed.
    var counts = [Int64](repeating: 0, count: 14)
    var isPaused = false
    /// How many rows there are, whatever queue they are of: of jobs, of those that have not ended, of those that have.
    var rows: [Int64] = [0, 0, 0]

    /// Reads it in one round trip.
    static func read(_ client: PostgresClient, queue: String) async throws -> StoredRows {
        let answers = try await client.pipeline(
            [
                PostgresCall("jobs", jobStatement, [.text(queue)]),
                PostgresCall("locks", lockStatement, [.text(queue)]),
                PostgresCall("sums", sumStatement, [.text(queue)]),
            ], idempotent: true)
        var store = StoredRows()
        let jobs = try answers[0].get()
        for row in 0..<jobs.count { store.jobs.append(try job(jobs, row)) }
        let locks = try answers[1].get()
        for row in 0..<locks.count {
            store.locks[Array(try locks.bytes(row, 0))] = Lock(
                nr: try locks.integer(row, 1), owner: JobID(unchecked: try locks.text(row, 2)),
                until: try locks.optionalInteger(row, 3))
        }
        let sums = try answers[2].get()
        store.counts = try sums.integers(0, 0).map { $0 ?? 0 }
        store.rows = try sums.integers(0, 1).map { $0 ?? 0 }
        store.isPaused = try sums.bool(0, 2)
        return store
    }

    private static func job(_ rows: PostgresRows, _ row: Int) throws -> Job {
        var job = Job(
            nr: try rows.integer(row, 0), id: JobID(unchecked: try rows.text(row, 1)), type: try rows.text(row, 2),
            priority: Int(try rows.integer(row, 3)), enqueuedAt: Timestamp(milliseconds: try rows.integer(row, 4)),
            message: Array(try rows.bytes(row, 5)), payload: Array(try rows.bytes(row, 6)))
        if let state = try rows.optionalText(row, 7) {
            job.live = Live(
                state: state, score: try rows.integer(row, 8), token: try rows.optionalInteger(row, 9),
                nonce: try rows.optionalInteger(row, 10), worker: try rows.optionalText(row, 11),
                cancel: try rows.optionalBytes(row, 12), lastToken: try rows.integer(row, 13),
                run: try rows.optionalBytes(row, 14))
        }
        if let state = try rows.optionalText(row, 15) {
            job.done = Done(
                state: state, score: try rows.integer(row, 16), endedAt: try rows.integer(row, 17),
                lastToken: try rows.integer(row, 18), nonce: try rows.optionalInteger(row, 19),
                run: Array(try rows.bytes(row, 20)))
        }
        return job
    }

    private static let jobStatement = """
        SELECT j.nr, j.id, j.type, j.priority::bigint, j.enqueued_at, j.message, j.payload,
          l.state::text, l.score, l.token, l.nonce, l.worker, l.cancel, l.last_token, l.run,
          d.state::text, d.score, d.ended_at, d.last_token, d.nonce, d.run
        FROM spanq.queue q JOIN spanq.job j ON j.queue = q.nr
          LEFT JOIN spanq.live l ON l.nr = j.nr AND l.queue = j.queue LEFT JOIN spanq.done d ON d.nr = j.nr AND d.queue = j.queue
        WHERE q.name = $1 ORDER BY j.nr
        """
    private static let lockStatement = """
        SELECT k.digest, k.nr, k.id, k.until FROM spanq.queue q JOIN spanq.lock k ON k.queue = q.nr WHERE q.name = $1
        """
    private static let sumStatement = """
        SELECT (
            SELECT ARRAY[sum(s), sum(h), sum(r), sum(a), sum(t), sum(c), sum(k), sum(d), sum(x), sum(enqueued), sum(completed),
              sum(dead), sum(cancelled), sum(removed)]::bigint[]
            FROM spanq.queue q JOIN spanq.tally y ON y.queue = q.nr WHERE q.name = $1),
          ARRAY[(SELECT count(*) FROM spanq.job), (SELECT count(*) FROM spanq.live), (SELECT count(*) FROM spanq.done)],
          EXISTS (SELECT 1 FROM spanq.queue q WHERE q.name = $1 AND q.pause_at IS NOT NULL)
        """
}

extension StoredRows {
    var ids: Set<JobID> { Set(jobs.map(\.id)) }
    /// A wake-up is a notification.
    var wakeUps: Int? { nil }
    var ages: Bool { false }
    var leftovers: [String] { jobs.map { "job \($0.id)" } + locks.values.map { "the lock of \($0.owner)" } }
}
