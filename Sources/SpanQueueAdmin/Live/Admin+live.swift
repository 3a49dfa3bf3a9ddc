// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

extension Admin {
    /// What becomes of jobs from now on, for as long as the stream is read.
    ///
    /// - Parameter queues: nil for all that there are and come to be.
    package func news(of queues: [String]? = nil) async throws -> AsyncStream<EngineNews> {
        try await queue.engine.news(of: queues)
    }

    /// The present moment of the engine's clock.
    package func now() async throws -> Timestamp { try await queue.engine.now() }

    /// The ready jobs of the first queues by name, by priority; nil where the engine does not count them so.
    package func depths(limit: Int = 240) async throws -> [DepthView]? {
        guard let source = try await queue.engine as? any PrioritySource else { return nil }
        let names = Array(try await names().prefix(limit))
        return zip(names, try await source.readyByPriority(of: names)).map { DepthView(name: $0, ready: $1) }
    }

    /// A job's record; nil where there is none.
    package func recordIfThere(_ id: JobID, in name: String?) async throws -> JobRecord? {
        try await queue.job(id, in: name)
    }

    /// The live workers, by id.
    package func workerInfos() async throws -> [WorkerInfo] {
        try await visibleWorkers().sorted { $0.id < $1.id }
    }

    /// All queues' counts, by name, and who works on them: what ``stats(limit:)`` is made of.
    package func counts() async throws -> (queues: [QueueCounts], workers: WorkersByQueue) {
        let names = try await names()
        let workers =
            try await visible.isAll
            ? queue.engine.workersByQueue() : WorkersByQueue(visibleWorkers().map(\.queues))
        var counts: [QueueCounts] = []
        var left = names[...]
        // One after the other, so that a great many queues do not get in the way of what else the connection does.
        while !left.isEmpty {
            counts += try await queue.engine.counts(of: Array(left.prefix(Self.batch)))
            left = left.dropFirst(Self.batch)
        }
        return (counts, workers)
    }

    /// How many queues are counted in one round trip.
    private static let batch = 500
}
