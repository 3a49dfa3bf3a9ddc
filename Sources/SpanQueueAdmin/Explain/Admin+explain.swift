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
        return Explanation(queue: name, try await judge(name).ofQueue)
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
