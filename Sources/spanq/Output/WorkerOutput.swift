import SpanQueue

/// A live worker as `worker list --json` shows it.
struct WorkerOutput: Encodable, Sendable {
    let id: String
    let host: String
    let pid: Int
    let queues: [String]
    let concurrency: Int
    let busy: Int
    let startedAt: String
    let version: String

    private enum CodingKeys: String, CodingKey {
        case id, host, pid, queues, concurrency, busy, version
        case startedAt = "started_at"
    }

    init(_ worker: WorkerInfo) {
        id = worker.id
        host = worker.host
        pid = worker.pid
        queues = worker.queues
        concurrency = worker.concurrency
        busy = worker.busy
        startedAt = worker.startedAt.description
        version = worker.version
    }
}
