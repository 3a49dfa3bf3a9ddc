import HiredisClient
import SpanQueue
import Synchronization

extension RedisEngine {
    /// The score of a worker of layout 1 that was announced without an idea of the server's time.
    private static let unknownLapse = 9_999_999_999_999.0

    /// One round trip for all ids, and another one for workers that were not seen before. Ten thousand workers are a list of ids, and
    /// not ten thousand hashes. Those of layout 1 are among them.
    func workersByQueue() async throws -> WorkersByQueue {
        let registries: [(workers: String, key: (String) -> String)] = [
            (RedisKeys.workers, RedisKeys.worker), (RedisKeys.Old.workers, RedisKeys.Old.worker),
        ]
        let lists = registries.map { registry in
            var known = RESPCommand("ZRANGE", registry.workers, "0", "9999")
            known.append("WITHSCORES")
            return known
        }
        let replies = try await client.pipeline([RESPCommand("TIME")] + lists, idempotent: true)
        var time = RESPCursor(try replies[0].get())
        _ = try time.nextArrayCount()
        let seconds = Double(try time.nextString()) ?? 0
        let now = seconds * 1000 + (Double(try time.nextString()) ?? 0) / 1000
        var alive: [String] = []
        var keys: [String: String] = [:]
        var unsure: Set<String> = []
        for (registry, reply) in zip(registries, replies.dropFirst()) {
            var cursor = RESPCursor(try reply.get())
            for _ in 0..<(try cursor.nextArrayCount()) / 2 {
                let id = try cursor.nextString()
                let lapse = Double(try cursor.nextString()) ?? 0
                guard lapse > now else { continue }
                alive.append(id)
                keys[id] = registry.key(id)
                // Its hash decides.
                if lapse >= Self.unknownLapse { unsure.insert(id) }
            }
        }
        let remembered = queuesOfWorkers.withLock { $0 }
        let asked = alive.filter { remembered[$0] == nil || unsure.contains($0) }
        let answers = try await client.pipeline(
            asked.map { RESPCommand("HGETALL", keys[$0] ?? RedisKeys.worker($0)) }, idempotent: true)
        var found: [String: [String]] = [:]
        for (id, answer) in zip(asked, answers) { found[id] = try Self.worker(id, answer.get())?.queues }
        let isAsked = Set(asked)
        let queues = alive.reduce(into: [String: [String]]()) { queues, id in
            queues[id] = isAsked.contains(id) ? found[id] : remembered[id]
        }
        // Those that have lapsed are forgotten with it.
        queuesOfWorkers.withLock { $0 = queues }
        return WorkersByQueue(queues.values)
    }
}
