// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// A live worker.
package struct WorkerView: Encodable, Sendable {
    package let id: String
    package let host: String
    package let pid: Int
    package let queues: [String]
    package let concurrency: Int
    package let busy: Int
    package let startedAt: String
    package let version: String

    private enum CodingKeys: String, CodingKey {
        case id, host, pid, queues, concurrency, busy, version
        case startedAt = "started_at"
    }

    package init(_ worker: WorkerInfo) {
        id = worker.id
        host = worker.host
        pid = worker.pid
        queues = worker.queues
        concurrency = worker.concurrency
        busy = worker.busy
        startedAt = worker.startedAt.description
        version = worker.version
    }
}

/// The live workers, by id.
package struct WorkersView: Encodable, Sendable {
    package let workers: [WorkerView]

    package init(workers: [WorkerView]) {
        self.workers = workers
    }
}

/// What a worker did in one run.
package struct RunSummaryView: Encodable, Sendable {
    package let completed: Int
    package let retried: Int
    package let dead: Int
    package let cancelled: Int
    package let released: Int
    package let reclaimed: Int
    /// Those of the worker's queues that were paused in the end.
    package let pausedQueues: [String]

    private enum CodingKeys: String, CodingKey {
        case completed, retried, dead, cancelled, released, reclaimed
        case pausedQueues = "paused_queues"
    }

    package init(_ summary: RunSummary, pausedQueues: [String] = []) {
        self.pausedQueues = pausedQueues
        completed = summary[.completed]
        retried = summary[.retried]
        dead = summary[.buried]
        cancelled = summary[.cancelled]
        released = summary[.released]
        reclaimed = summary.reclaimed
    }
}

/// Whether a process that was asked is ready, and what it said.
package struct HealthView: Encodable, Sendable {
    package let url: String
    package let ready: Bool
    /// The status of the answer; null where there was none.
    @OrNull package var status: Int?
    package let message: String

    package init(url: String, ready: Bool, status: Int?, message: String) {
        self.url = url
        self.ready = ready
        self.message = message
        _status = OrNull(wrappedValue: status)
    }
}

/// The version of a program.
package struct VersionView: Encodable, Sendable {
    package let version = SpanQueueVersion.text

    package init() {}
}
