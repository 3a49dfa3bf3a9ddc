// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// A queue: how many jobs it has by state, and whether it is served.
package struct QueueView: Encodable, Sendable {
    package let name: String
    package let jobs: JobsByState
    package let paused: Bool
    /// Since when, why and by whom; null where it is not paused, or nobody knows. Nil, and not written, where it is not shown.
    package let pause: OrNull<PauseNoteView>?
    @OrNull package var oldestReadyAgeSeconds: Double?
    package let workersAlive: Int
    package let totals: TotalsView

    private enum CodingKeys: String, CodingKey {
        case name, paused, pause, totals
        case oldestReadyAgeSeconds = "oldest_ready_age_seconds"
        case workersAlive = "workers_alive"
    }

    /// - Parameter hasNote: whether it is shown what people wrote of a pause.
    package init(_ counts: QueueCounts, workers: Int, hasNote: Bool = true) {
        name = counts.queue
        jobs = JobsByState(counts.jobs)
        paused = counts.isPaused
        pause = hasNote ? OrNull(wrappedValue: counts.pause.map(PauseNoteView.init)) : nil
        oldestReadyAgeSeconds = counts.oldestReadyAge.map { Double($0.milliseconds) / 1000 }
        workersAlive = workers
        totals = TotalsView(counts.totals)
    }

    /// The states stand beside the name.
    package func encode(to encoder: any Encoder) throws {
        try jobs.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(paused, forKey: .paused)
        try container.encodeIfPresent(pause, forKey: .pause)
        try container.encode(oldestReadyAgeSeconds, forKey: .oldestReadyAgeSeconds)
        try container.encode(workersAlive, forKey: .workersAlive)
        try container.encode(totals, forKey: .totals)
    }
}

/// A pause, as those who find it want to know of it.
package struct PauseNoteView: Encodable, Sendable {
    package let at: String
    @OrNull package var by: String?
    package let reason: String

    init(_ pause: PauseNote) {
        at = pause.at.description
        reason = pause.note.reason
        _by = OrNull(wrappedValue: pause.note.by)
    }
}

/// Queues, of which there may be none.
package struct QueuesView: Encodable, Sendable {
    package let queues: [QueueView]

    package init(queues: [QueueView]) {
        self.queues = queues
    }
}

/// A page of queues.
package struct QueuesPageView: Encodable, Sendable {
    package let queues: [QueueView]
    /// What to pass for the next page; null at the end.
    @OrNull package var cursor: String?

    package init(queues: [QueueView], cursor: String?) {
        self.queues = queues
        _cursor = OrNull(wrappedValue: cursor)
    }
}

/// How many jobs there are in each state: an object with a member for each.
package struct JobsByState: Encodable, Sendable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private let jobs: [JobState: Int]

    package init(_ jobs: [JobState: Int]) {
        self.jobs = jobs
    }

    package subscript(state: JobState) -> Int { jobs[state] ?? 0 }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for state in JobState.known { try container.encode(self[state], forKey: Key(stringValue: state.rawValue)) }
    }
}

/// What has been done since a queue was made.
package struct TotalsView: Encodable, Sendable {
    package let enqueued, completed, dead, cancelled, removed: Int

    package init(_ totals: QueueTotals) {
        enqueued = totals.enqueued
        completed = totals.completed
        dead = totals.dead
        cancelled = totals.cancelled
        removed = totals.removed
    }
}

/// All queues at a glance.
package struct StatsView: Encodable, Sendable {
    /// In the order of their names.
    package let queues: [QueueView]
    /// Jobs by state, of all queues.
    package let jobs: JobsByState
    package let totals: TotalsView
    package let workersAlive: Int
    /// Queues beyond those in `queues`; they are in the sums.
    package let omittedQueues: Int

    private enum CodingKeys: String, CodingKey {
        case queues, jobs, totals
        case workersAlive = "workers_alive"
        case omittedQueues = "omitted_queues"
    }

    /// - Parameters:
    ///   - shown: the queues that are shown.
    ///   - rest: those that are only counted.
    package init(_ shown: [QueueCounts], rest: [QueueCounts], workers: WorkersByQueue) {
        // These are shown to whoever reaches `/stats`: numbers, and names of queues.
        queues = shown.map { QueueView($0, workers: workers.serving[$0.queue] ?? 0, hasNote: false) }
        var jobs: [JobState: Int] = [:]
        var totals = QueueTotals()
        for counts in shown + rest {
            for state in JobState.known { jobs[state, default: 0] += counts[state] }
            totals.enqueued += counts.totals.enqueued
            totals.completed += counts.totals.completed
            totals.dead += counts.totals.dead
            totals.cancelled += counts.totals.cancelled
            totals.removed += counts.totals.removed
        }
        self.jobs = JobsByState(jobs)
        self.totals = TotalsView(totals)
        workersAlive = workers.total
        omittedQueues = rest.count
    }
}
