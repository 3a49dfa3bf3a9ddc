// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

extension Admin {
    /// Why a job does not run, or what it does.
    ///
    /// - Throws: `.notFound`.
    package func explain(_ id: JobID, in queue: String? = nil) async throws -> Explanation {
        let record = try await record(id, in: queue)
        return Explanation(record, try await judge(record.message.queue).reasons(for: record))
    }

    /// What keeps the jobs of a queue.
    ///
    /// - Throws: `.notFound`.
    package func explain(queue name: String) async throws -> Explanation {
        // A name that nobody knows was probably mistyped.
        _ = try await queues([name])
        return Explanation(queue: name, try await judge(name).keeping())
    }

    /// What keeps a job that does not run, as far as its queue and its workers tell; nothing where it is its turn.
    package func keeping(_ record: JobRecord) async throws -> [Explanation.Reason] {
        try await judge(record.message.queue).keeping(record.message.type)
    }

    /// Those of some queues that are paused.
    package func pauses(of names: [String]) async throws -> [QueuePause] {
        let paused = try await queue.counts(of: names).filter(\.isPaused)
        guard !paused.isEmpty else { return [] }
        let now = try await queue.engine.now()
        return paused.map { counts in
            QueuePause(
                queue: counts.queue, text: Judge(counts: counts, workers: [], now: now).paused, ready: counts[.ready])
        }
    }

    private func judge(_ name: String) async throws -> Judge {
        let counts = try await queue.counts(of: [name]).first
        let workers = try await queue.workers().filter { $0.queues.contains(name) }
        guard let counts else {
            throw SpanQueueError(.notFound, "no queue \(name): a queue is created by its first job")
        }
        return Judge(counts: counts, workers: workers, now: try await queue.engine.now())
    }
}

/// A queue that is paused.
package struct QueuePause: Sendable {
    package let queue: String
    /// In one line: by whom, since when and why, as far as that is known.
    package let text: String
    /// How many jobs are ready in it.
    package let ready: Int
}
