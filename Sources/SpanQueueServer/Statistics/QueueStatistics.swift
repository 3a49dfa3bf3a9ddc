public import SpanQueue

/// What /stats answers: the state of all queues.
public struct QueueStatistics: Sendable, Encodable {
    /// The queues, in the order of their names; at most 240.
    public let queues: [QueueStatus]
    /// Jobs by state, of all queues.
    public let jobs: [JobState: Int]
    /// What all queues have done since they were made.
    public let totals: QueueTotals
    /// The live workers.
    public let workersAlive: Int
    /// Queues beyond those shown.
    public let omittedQueues: Int

    /// Reads them from a queue's engine.
    public static func read(_ queue: JobQueue) async throws -> QueueStatistics {
        let reading = try await SharedGaugesReading.read(queue)
        var rest: [QueueCounts] = []
        var names = reading.omitted[...]
        // One after the other, so that a great many queues do not get in the way of what else the connection does.
        while !names.isEmpty {
            rest += try await queue.engine.counts(of: Array(names.prefix(batch)))
            names = names.dropFirst(batch)
        }
        return QueueStatistics(reading, rest: rest)
    }

    /// How many queues are counted in one round trip.
    private static let batch = 500

    private init(_ reading: SharedGaugesReading, rest: [QueueCounts]) {
        queues = reading.queues.map { counts in
            QueueStatus(counts, workersAlive: reading.workers.serving[counts.queue] ?? 0)
        }
        var jobs = JobState.known.reduce(into: [JobState: Int]()) { $0[$1] = 0 }
        var totals = QueueTotals()
        for counts in reading.queues + rest {
            for state in JobState.known { jobs[state, default: 0] += counts[state] }
            totals.add(counts.totals)
        }
        self.jobs = jobs
        self.totals = totals
        workersAlive = reading.workers.total
        omittedQueues = reading.omitted.count
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

/// One queue in `QueueStatistics`.
public struct QueueStatus: Sendable, Encodable {
    /// Its name.
    public let name: String
    /// Jobs by state; each state is there.
    public let jobs: [JobState: Int]
    /// What it has done since it was made.
    public let totals: QueueTotals
    /// How long its oldest ready job waits; nil when there is none.
    public let oldestReadyAge: Duration?
    /// Whether claims are stopped.
    public let isPaused: Bool
    /// How many live workers serve it.
    public let workersAlive: Int

    init(_ counts: QueueCounts, workersAlive: Int) {
        name = counts.queue
        jobs = JobState.known.reduce(into: [:]) { $0[$1] = counts[$1] }
        totals = counts.totals
        oldestReadyAge = counts.oldestReadyAge
        isPaused = counts.isPaused
        self.workersAlive = workersAlive
    }

    private enum CodingKeys: String, CodingKey {
        case name, jobs, totals, paused
        case oldestReadyAgeSeconds = "oldest_ready_age_seconds"
        case workersAlive = "workers_alive"
    }

    /// Writes every member; an age that is none is null.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(JobsByState(jobs), forKey: .jobs)
        try container.encode(TotalsOutput(totals), forKey: .totals)
        try container.encode(isPaused, forKey: .paused)
        try container.encode(oldestReadyAge.map { Double($0.milliseconds) / 1000 }, forKey: .oldestReadyAgeSeconds)
        try container.encode(workersAlive, forKey: .workersAlive)
    }
}

/// Counts as a JSON object with a member for each state.
struct JobsByState: Encodable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private let jobs: [JobState: Int]

    init(_ jobs: [JobState: Int]) {
        self.jobs = jobs
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for state in JobState.known {
            try container.encode(jobs[state] ?? 0, forKey: Key(stringValue: state.rawValue))
        }
    }
}

/// Lifetime totals as a JSON object.
struct TotalsOutput: Encodable {
    private let enqueued, completed, dead, cancelled, removed: Int

    init(_ totals: QueueTotals) {
        enqueued = totals.enqueued
        completed = totals.completed
        dead = totals.dead
        cancelled = totals.cancelled
        removed = totals.removed
    }
}
