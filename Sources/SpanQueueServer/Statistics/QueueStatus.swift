public import SpanQueue

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
        jobs = JobState.allCases.reduce(into: [:]) { $0[$1] = counts[$1] }
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
