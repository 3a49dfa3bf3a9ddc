// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// What became of jobs since it was looked last: counts of all, and the latest by name.
package struct Feed: Sendable, Hashable {
    /// The most jobs that are named; the others are counted.
    package static let mostJobs = 20

    private var counts: [String: [QueueEvent.Kind: Int]] = [:]
    private var jobs: [Entry] = []

    private struct Entry: Sendable, Hashable {
        var at: Timestamp
        var queue: String
        var job: QueueEvent.Change
    }

    package init() {}

    package init(_ event: QueueEvent) {
        add(event)
    }

    package var isEmpty: Bool { counts.isEmpty }

    /// How many times something happened to a job.
    package var total: Int { counts.values.reduce(0) { $0 + $1.values.reduce(0, +) } }

    package mutating func add(_ event: QueueEvent) {
        guard !event.counts.isEmpty else { return }
        counts[event.queue, default: [:]].merge(event.counts, uniquingKeysWith: +)
        add(event.jobs.map { Entry(at: event.at, queue: event.queue, job: $0) })
    }

    /// Adds what came after.
    package mutating func add(_ later: Feed) {
        for (queue, more) in later.counts { counts[queue, default: [:]].merge(more, uniquingKeysWith: +) }
        add(later.jobs)
    }

    private mutating func add(_ more: [Entry]) {
        jobs += more
        if jobs.count > Self.mostJobs { jobs.removeFirst(jobs.count - Self.mostJobs) }
    }

    /// The part that is of some queues.
    package func of(_ isWanted: (_ queue: String) -> Bool) -> Feed {
        var part = Feed()
        part.counts = counts.filter { isWanted($0.key) }
        part.jobs = jobs.filter { isWanted($0.queue) }
        return part
    }

    package var view: FeedView {
        FeedView(
            jobs: jobs.map { JobEventView($0.job, in: $0.queue, at: $0.at) },
            counts: counts.sorted { $0.key < $1.key }.map { queue, counts in
                EventCountsView(
                    queue: queue,
                    counts: Dictionary(uniqueKeysWithValues: counts.map { ($0.key.rawValue, $0.value) }))
            },
            omitted: max(0, total - jobs.count))
    }
}
