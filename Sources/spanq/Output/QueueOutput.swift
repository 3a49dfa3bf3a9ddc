import SpanQueue

/// The counts of a queue as `--json` shows them.
struct QueueOutput: Encodable, Sendable {
    let name: String
    let ready: Int
    let scheduled: Int
    let retrying: Int
    let active: Int
    let completed: Int
    let dead: Int
    let cancelled: Int
    let paused: Bool
    @OrNull var oldestReadyAgeSeconds: Double?
    let workersAlive: Int

    private enum CodingKeys: String, CodingKey {
        case name, ready, scheduled, retrying, active, completed, dead, cancelled, paused
        case oldestReadyAgeSeconds = "oldest_ready_age_seconds"
        case workersAlive = "workers_alive"
    }

    init(_ counts: QueueCounts, workers: Int) {
        name = counts.queue
        ready = counts[.ready]
        scheduled = counts[.scheduled]
        retrying = counts[.retrying]
        active = counts[.active]
        completed = counts[.completed]
        dead = counts[.dead]
        cancelled = counts[.cancelled]
        paused = counts.isPaused
        oldestReadyAgeSeconds = counts.oldestReadyAge.map(\.inSeconds)
        workersAlive = workers
    }
}

/// What `queue stats --json` prints.
struct QueuesOutput: Encodable, Sendable {
    let queues: [QueueOutput]
}
