import HiredisClient
import SpanQueue

extension RedisEngine {
    func announce(_ worker: WorkerInfo, lifetime: Duration) async throws {
        let key = RedisKeys.worker(worker.id)
        var fields = RESPCommand("HSET", key)
        for (name, value) in [
            ("host", worker.host), ("pid", String(worker.pid)), ("queues", worker.queues.joined(separator: ",")),
            ("concurrency", String(worker.concurrency)), ("busy", String(worker.busy)),
            ("started_at", String(worker.startedAt.milliseconds)), ("version", worker.version),
        ] {
            fields.append(name)
            fields.append(value)
        }
        var expiry = RESPCommand("PEXPIRE", key)
        expiry.append(max(1, lifetime.milliseconds))
        var known = RESPCommand("ZADD", RedisKeys.workers)
        // The hash decides who is alive; without an idea of the server's time the id goes last.
        let lapse = node.notAfter(.now + lifetime)
        known.append(lapse == 0 ? Int64(9_999_999_999_999) : lapse)
        known.append(worker.id)
        try await all([fields, expiry, known])
    }

    func retire(workerID: String) async throws {
        try await all([
            RESPCommand("DEL", RedisKeys.worker(workerID)), RESPCommand("ZREM", RedisKeys.workers, workerID),
        ])
    }

    func workers() async throws -> [WorkerInfo] {
        var cursor = RESPCursor(try await send(RESPCommand("ZRANGE", RedisKeys.workers, "0", "9999")))
        var ids: [String] = []
        for _ in 0..<(try cursor.nextArrayCount()) { ids.append(try cursor.nextString()) }
        guard !ids.isEmpty else { return [] }
        let replies = try await client.pipeline(
            ids.map { RESPCommand("HGETALL", RedisKeys.worker($0)) }, idempotent: true)
        var alive: [WorkerInfo] = []
        var lapsed = RESPCommand("ZREM", RedisKeys.workers)
        var lapsedCount = 0
        for (id, reply) in zip(ids, replies) {
            if let worker = try Self.worker(id, reply.get()) {
                alive.append(worker)
            } else {
                lapsed.append(id)
                lapsedCount += 1
            }
        }
        if lapsedCount > 0 { _ = try await send(lapsed) }
        return alive
    }

    static func worker(_ id: String, _ reply: RESPReply) throws -> WorkerInfo? {
        var cursor = RESPCursor(reply)
        let count = try cursor.nextArrayCount()
        guard count > 0 else { return nil }
        var fields: [String: String] = [:]
        for _ in 0..<count / 2 {
            let name = try cursor.nextString()
            fields[name] = try cursor.nextString()
        }
        func number(_ name: String) -> Int { fields[name].flatMap { Int($0) } ?? 0 }
        return WorkerInfo(
            id: id, host: fields["host"] ?? "", pid: number("pid"),
            queues: (fields["queues"] ?? "").split(separator: ",").map(String.init),
            concurrency: number("concurrency"), busy: number("busy"),
            startedAt: Timestamp(milliseconds: Int64(number("started_at"))), version: fields["version"] ?? "")
    }
}
