public import SpanQueue

/// What /stats answers: the state of all queues.
public struct QueueStatistics: Sendable, Encodable {
    /// The queues, in the order of their names; at most 240.
    public let queues: [QueueStatus]
    /// Jobs by state, of the queues shown.
    public let jobs: [JobState: Int]
    /// What the queues shown have done since they were made.
    public let totals: QueueTotals
    /// The live workers.
    public let workersAlive: Int
    /// Queues beyond those shown.
    public let omittedQueues: Int

    /// Reads them from a queue's engine.
    public static func read(_ queue: JobQueue) async throws -> QueueStatistics {
        QueueStatistics(try await SharedGaugesReading.read(queue))
    }

    init(_ reading: SharedGaugesReading) {
        queues = reading.queues.map { counts in
            QueueStatus(counts, workersAlive: reading.workersByQueue[counts.queue] ?? 0)
        }
        jobs = queues.reduce(into: [:]) { total, queue in total.merge(queue.jobs) { $0 + $1 } }
        totals = queues.reduce(into: QueueTotals()) { $0.add($1.totals) }
        workersAlive = reading.workers
        omittedQueues = reading.omitted
    }

    private enum CodingKeys: String, CodingKey {
        case queues, jobs, totals
        case workersAlive = "workers_alive"
        case omittedQueues = "omitted_queues"
    }

    /// Writes every member, with all states.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(queues, forKey: .queues)
        try container.encode(JobsByState(jobs), forKey: .jobs)
        try container.encode(TotalsOutput(totals), forKey: .totals)
        try container.encode(workersAlive, forKey: .workersAlive)
        try container.encode(omittedQueues, forKey: .omittedQueues)
    }
}

extension QueueTotals {
    fileprivate mutating func add(_ other: QueueTotals) {
        enqueued += other.enqueued
        completed += other.completed
        dead += other.dead
        cancelled += other.cancelled
        removed += other.removed
    }
}
