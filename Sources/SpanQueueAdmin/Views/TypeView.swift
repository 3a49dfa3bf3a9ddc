// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// A type of jobs: how many there are in each state, of those that were looked at, who runs them, and how often they failed.
package struct TypeView: Encodable, Sendable {
    package let type: String
    package let queues: [String]
    /// By state; states without any are not there.
    package let jobs: [String: Int]
    /// Live workers that have a handler for it.
    package let workers: Int
    /// Attempts that ended in an error, as far as workers have told.
    package let errors: Int

    package init(_ type: String, _ tally: TypeTally, workers: Int) {
        self.type = type
        queues = tally.queues.sorted()
        jobs = Dictionary(uniqueKeysWithValues: tally.jobs.map { ($0.rawValue, $1) })
        self.workers = workers
        errors = tally.errors
    }
}

/// The types of jobs that there are, those with most jobs first.
package struct TypesView: Encodable, Sendable {
    package let types: [TypeView]
    /// How many jobs were looked at.
    package let scanned: Int
    /// Whether these are all; else the counts are at least so many.
    package let complete: Bool
}

/// What is known of a type.
package struct TypeTally: Sendable {
    package var queues: Set<String> = []
    package var jobs: [JobState: Int] = [:]
    package var errors = 0

    package init() {}
}
