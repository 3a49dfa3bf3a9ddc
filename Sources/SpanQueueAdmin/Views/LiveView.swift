// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// What became of one job.
package struct JobEventView: Encodable, Sendable {
    package let at: String
    package let event: String
    package let id: String
    package let queue: String
    @OrNull package var type: String?
    @OrNull package var attempt: Int?
    @OrNull package var errorType: String?

    private enum CodingKeys: String, CodingKey {
        case at, event, id, queue, type, attempt
        case errorType = "error_type"
    }

    package init(_ job: QueueEvent.Change, in queue: String, at: Timestamp) {
        self.at = at.description
        event = job.kind.rawValue
        id = job.id.description
        self.queue = queue
        _type = OrNull(wrappedValue: job.type)
        _attempt = OrNull(wrappedValue: job.attempt)
        _errorType = OrNull(wrappedValue: job.errorType)
    }
}

/// How many times what happened in a queue.
package struct EventCountsView: Encodable, Sendable, Hashable {
    package let queue: String
    package let counts: [String: Int]
}

/// What became of jobs in a while.
package struct FeedView: Encodable, Sendable {
    /// The latest, in the order in which it was heard of them.
    package let jobs: [JobEventView]
    /// All, those in `jobs` among them.
    package let counts: [EventCountsView]
    /// How many are not in `jobs`.
    package let omitted: Int
}

/// An event that has more jobs than it names.
package struct EventSumView: Encodable, Sendable, Hashable {
    package let at: String
    package let queue: String
    /// All of them, by what happened to them.
    package let counts: [String: Int]
    /// How many were not named.
    package let omitted: Int

    /// Nil where all are named.
    package init?(_ event: QueueEvent) {
        omitted = event.counts.values.reduce(0, +) - event.jobs.count
        guard omitted > 0 else { return nil }
        at = event.at.description
        queue = event.queue
        counts = Dictionary(uniqueKeysWithValues: event.counts.map { ($0.key.rawValue, $0.value) })
    }
}

/// The ready jobs of a queue by their priority.
package struct DepthView: Encodable, Sendable, Hashable {
    package let name: String
    /// How many at priority 0, 1 … 9.
    package let ready: [Int]

    package init(name: String, ready: [Int]) {
        self.name = name
        self.ready = ready
    }
}
