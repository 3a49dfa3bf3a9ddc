/// The state of all queues as one scrape or one request sees it: counts, and who serves what.
///
/// Two pipelines to the engine read it, at a cost that does not grow with the depth of a queue.
package struct SharedGaugesReading: Sendable {
    /// The most queues that one reading has. Their names become labels, so there must be a bound; the first by name are
    /// taken, so that the same ones are shown by every worker and at every scrape. Times the states, of which there are at most
    /// eight, they stay below the 2,000 series that a family may have.
    package static let maximumQueues = 240

    /// The queues that have had jobs, are paused, or have a worker; in the order of their names.
    package var queues: [QueueCounts]
    /// How many live workers serve a queue; one that nobody serves is not in it.
    package var workersByQueue: [String: Int]
    /// How many workers are alive.
    package var workers: Int
    /// How many queues there are beyond `maximumQueues`, of which nothing is said.
    package var omitted: Int

    package init(counts: [QueueCounts], workers: [WorkerInfo]) {
        workersByQueue = workers.reduce(into: [:]) { served, worker in
            for queue in Set(worker.queues) { served[queue, default: 0] += 1 }
        }
        self.workers = workers.count
        // A queue that workers wait for, and that never had a job, has no counts: all of them are 0.
        let known = Set(counts.map(\.queue))
        let untouched = workersByQueue.keys.filter { !known.contains($0) }.map { queue in
            QueueCounts(queue: queue, jobs: [:], isPaused: false, oldestReadyAge: nil, totals: QueueTotals())
        }
        let all = (counts + untouched).sorted { $0.queue < $1.queue }
        queues = Array(all.prefix(Self.maximumQueues))
        omitted = all.count - queues.count
    }

    /// Reads the state now.
    package static func read(_ queue: JobQueue) async throws -> SharedGaugesReading {
        async let workers = queue.workers()
        let counts = try await queue.counts()
        return try await SharedGaugesReading(counts: counts, workers: workers)
    }
}
