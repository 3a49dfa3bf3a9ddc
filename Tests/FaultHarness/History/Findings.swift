// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What the checker finds in the histories and the final state: which promises were broken, by which jobs; and what the faults
/// cost in runs.
package struct Findings: Sendable, Equatable {
    /// Accepted, and neither completed nor dead nor cancelled.
    package var lost: [String] = []
    /// Run, or in Redis, and never enqueued.
    package var unexpected: [String] = []
    /// More than one completion was accepted.
    package var completedTwice: [String] = []
    /// Completed although no handler of it ever returned.
    package var completedUnrun: [String] = []
    /// Two runs had one token, or a completion was accepted for a run that never was.
    package var confusedTokens: [String] = []
    /// What is wrong with the keys in Redis.
    package var damage: [String] = []
    /// Runs beyond the first of each job, those that it asked for by throwing not counted.
    package var extraRuns = 0
    package var accepted = 0
    package var runs = 0

    package init() {}

    /// Whether every promise was kept. Extra runs break none: their bound depends on the faults.
    package var isClean: Bool {
        lost.isEmpty && unexpected.isEmpty && completedTwice.isEmpty && completedUnrun.isEmpty
            && confusedTokens.isEmpty && damage.isEmpty
    }
}
