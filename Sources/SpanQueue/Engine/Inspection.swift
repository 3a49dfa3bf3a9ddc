// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A request for a page of jobs.
package struct ListRequest: Sendable, Hashable {
    /// The queue.
    package var queue: String
    /// The state.
    package var state: JobState
    /// Where the last page ended; nil for the first.
    package var cursor: String?
    /// The most jobs wanted, 1 to 1000.
    package var limit: Int
    /// Whether the jobs that ended last come first: for completed, dead and cancelled jobs alone.
    package var newestFirst: Bool

    /// Makes a request.
    package init(
        queue: String, state: JobState, cursor: String? = nil, limit: Int = 100, newestFirst: Bool = false
    ) {
        self.newestFirst = newestFirst
        self.queue = queue
        self.state = state
        self.cursor = cursor
        self.limit = limit
    }
}

/// A page of jobs.
package struct ListPage: Sendable, Hashable {
    /// The jobs, in the order in which they will run or have ended.
    package var jobs: [JobRecord]
    /// What to pass for the next page, which may turn out empty; nil at the end.
    package var cursor: String?

    package init(jobs: [JobRecord], cursor: String?) {
        self.jobs = jobs
        self.cursor = cursor
    }
}

/// How many jobs a queue has, by state.
public struct QueueCounts: Sendable, Hashable {
    /// The queue.
    public var queue: String
    /// Jobs by state; each state is there.
    public var jobs: [JobState: Int]
    /// Whether claims are stopped.
    public var isPaused: Bool
    /// Since when, why and by whom; nil where they are not stopped, or by a program of layout 1.
    package var pause: PauseNote?
    /// How long the oldest ready job has been ready; nil when there is none.
    public var oldestReadyAge: Duration?
    /// What the queue has done since it was made.
    package var totals: QueueTotals

    package init(
        queue: String, jobs: [JobState: Int], isPaused: Bool, pause: PauseNote? = nil, oldestReadyAge: Duration?,
        totals: QueueTotals
    ) {
        self.pause = pause
        self.queue = queue
        self.jobs = jobs
        self.isPaused = isPaused
        self.oldestReadyAge = oldestReadyAge
        self.totals = totals
    }

    /// The jobs in a state.
    public subscript(state: JobState) -> Int { jobs[state] ?? 0 }
}

/// A pause, as those who find it want to know of it.
package struct PauseNote: Sendable, Hashable {
    /// Since when.
    package var at: Timestamp
    /// Why, and who; see ``OperatorNote``.
    package var note: OperatorNote

    package init(at: Timestamp, note: OperatorNote) {
        self.at = at
        self.note = note
    }
}

/// Counts of what has happened in a queue since it was made. The jobs in its sets are `enqueued − removed`.
package struct QueueTotals: Sendable, Hashable {
    /// Jobs accepted.
    package var enqueued = 0
    /// Attempts that completed.
    package var completed = 0
    /// Jobs that became dead letters.
    package var dead = 0
    /// Jobs that were cancelled.
    package var cancelled = 0
    /// Jobs whose record is gone: retention over, removed by a person, or found without a record.
    package var removed = 0

    package init() {}
}

/// A worker, as it makes itself known.
package struct WorkerInfo: Sendable, Hashable {
    /// Its id, unique to the process's run.
    package var id: String
    /// The host it runs on.
    package var host: String
    /// Its process id.
    package var pid: Int
    /// The queues it serves.
    package var queues: [String]
    /// How many jobs it runs at once at most.
    package var concurrency: Int
    /// How many it runs now.
    package var busy: Int
    /// When it started.
    package var startedAt: Timestamp
    /// The version of SpanQueue in it.
    package var version: String
    /// The job types that it has handlers for, and the beginnings of some, with an asterisk: `email:*`. At most `mostTypes` of them; none
    /// where it has not said.
    package var types: [String]

    /// As many are announced; one that has more does not say so.
    package static let mostTypes = 200

    package init(
        id: String, host: String, pid: Int, queues: [String], concurrency: Int, busy: Int, startedAt: Timestamp,
        version: String, types: [String] = []
    ) {
        self.id = id
        self.host = host
        self.pid = pid
        self.queues = queues
        self.concurrency = concurrency
        self.busy = busy
        self.startedAt = startedAt
        self.version = version
        self.types = types
    }

    /// Whether it has a handler for a type, as far as it has said.
    package func handles(_ type: String) -> Bool {
        types.contains { $0 == type || $0.last == "*" && type.hasPrefix($0.dropLast()) }
    }
}

/// How many live workers there are, and how many serve each queue.
package struct WorkersByQueue: Sendable, Hashable {
    /// All of them.
    package private(set) var total = 0
    /// By queue; one that nobody serves is not in it.
    package private(set) var serving: [String: Int] = [:]

    /// Counts.
    ///
    /// - Parameter queues: those of each worker.
    package init(_ queues: some Sequence<[String]>) {
        for queues in queues {
            total += 1
            for queue in Set(queues) { serving[queue, default: 0] += 1 }
        }
    }
}
