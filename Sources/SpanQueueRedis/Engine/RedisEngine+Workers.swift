import HiredisClient
import SpanQueue

extension RedisEngine {
    func announce(_ worker: WorkerInfo, lifetime: Duration) async throws {
        try await announce(worker.id, lifetime: max(1, lifetime.milliseconds)) { arguments in
            for (name, value) in [
                ("host", worker.host), ("pid", String(worker.pid)), ("queues", worker.queues.joined(separator: ",")),
                ("concurrency", String(worker.concurrency)), ("busy", String(worker.busy)),
                ("started_at", String(worker.startedAt.milliseconds)), ("version", worker.version),
            ] {
                arguments.append(name)
                arguments.append(value)
            }
        }
    }

    func retire(workerID: String) async throws {
        try await announce(workerID, lifetime: 0) { _ in }
    }

    private func announce(
        _ id: String, lifetime: Int64, _ fields: (inout RESPCommand) -> Void
    ) async throws {
        _ = try await call(
            RedisScriptCall(scripts.announce, keys: [RedisKeys.workers, RedisKeys.worker(id)]) { arguments in
                arguments.append(id)
                arguments.append(lifetime)
                fields(&arguments)
            })
    }

    /// The workers whose announcement has not lapsed, those of layout 1 among them.
    func workers() async throws -> [WorkerInfo] {
        try await workers(in: RedisKeys.workers, key: RedisKeys.worker)
            + workers(in: RedisKeys.Old.workers, key: RedisKeys.Old.worker)
    }

    func workers(in registry: String, key: (_ id: String) -> String) async throws -> [WorkerInfo] {
        let ids = try Self.names(try await send(RESPCommand("ZRANGE", registry, "0", "9999")))
        guard !ids.isEmpty else { return [] }
        let replies = try await all(ids.map { RESPCommand("HGETALL", key($0)) })
        return try zip(ids, replies).compactMap { try Self.worker($0, $1) }
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
