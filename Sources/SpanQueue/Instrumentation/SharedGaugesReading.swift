/// The state of the queues as one scrape or one request sees it: counts, and who serves what.
///
/// What is read is what is shown: the names of all queues, the counts of those that come first, and how many workers serve each. The
/// cost does not grow with the depth of a queue, and hardly with their number.
package struct SharedGaugesReading: Sendable {
    /// The most queues that one reading has. Their names become labels, so there must be a bound; the first by name are
    /// taken, so that the same ones are shown by every worker and at every scrape. Times the eight states they stay below the
    /// 2,000 series that a family may have.
    package static let maximumQueues = 240

    /// The queues that have had jobs, are paused, or have a worker; in the order of their names.
    package var queues: [QueueCounts]
    /// The live workers.
    package var workers: WorkersByQueue
    /// The names of the queues beyond `maximumQueues`, of which nothing was read.
    package var omitted: [String]

    /// Reads the state now.
    package static func read(_ queue: JobQueue) async throws -> SharedGaugesReading {
        let engine = queue.engine
        async let asked = engine.workersByQueue()
        let known = Set(try await engine.queues())
        let workers = try await asked
        let names = known.union(workers.serving.keys).sorted()
        let shown = names.prefix(maximumQueues)
        let counts = try await engine.counts(of: shown.filter(known.contains))
        let counted = Dictionary(counts.map { ($0.queue, $0) }, uniquingKeysWith: { first, _ in first })
        return SharedGaugesReading(
            // A queue that workers wait for, and that never had a job, has no counts: all of them are 0.
            queues: shown.map { name in
                counted[name]
                    ?? QueueCounts(
                        queue: name, jobs: [:], isPaused: false, oldestReadyAge: nil, totals: QueueTotals())
            }, workers: workers, omitted: Array(names.dropFirst(maximumQueues)))
    }
}
