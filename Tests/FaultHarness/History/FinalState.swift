// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// How Redis has the jobs when the faults are over and everything has drained.
package struct FinalState: Sendable {
    package struct Job: Sendable {
        /// The state's name, as in `JobState`.
        package var state: String
        /// Completed attempts in the job's record.
        package var completions: Int
        package var reclaims: Int
        package var reason: String?

        package init(_ state: String, completions: Int = 0, reclaims: Int = 0, reason: String? = nil) {
            self.state = state
            self.completions = completions
            self.reclaims = reclaims
            self.reason = reason
        }
    }

    package var jobs: [String: Job]
    /// The queue's own count of accepted completions since it was made.
    package var completedTotal: Int
    /// What is wrong with the keys themselves; see `Keyspace`.
    package var damage: [String]

    package init(jobs: [String: Job], completedTotal: Int, damage: [String] = []) {
        self.jobs = jobs
        self.completedTotal = completedTotal
        self.damage = damage
    }

    package func count(_ state: String) -> Int { jobs.values.count { $0.state == state } }
}
