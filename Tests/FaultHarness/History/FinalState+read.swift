// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

extension FinalState {
    /// Reads all jobs of a queue at rest.
    static func read(_ queue: JobQueue, _ name: String = "default", _ redis: RawRedis) async throws -> FinalState {
        try await read(queue, name, damage: try await Keyspace.damage(of: name, redis))
    }

    /// - Parameter damage: what is wrong with how it is stored.
    static func read(_ queue: JobQueue, _ name: String = "default", damage: [String]) async throws -> FinalState {
        var jobs: [String: Job] = [:]
        for state in JobState.known {
            var request = ListRequest(queue: name, state: state, limit: 1000)
            repeat {
                let page = try await queue.list(request)
                for record in page.jobs {
                    jobs[record.message.id.description] = Job(
                        state.rawValue,
                        completions: record.run.attemptRecords.count { $0.outcome == .completed },
                        reclaims: record.run.reclaims, reason: record.run.endReason)
                }
                request.cursor = page.cursor
            } while request.cursor != nil
        }
        return FinalState(
            jobs: jobs, completedTotal: try await queue.counts(of: [name])[0].totals.completed,
            damage: damage)
    }
}
