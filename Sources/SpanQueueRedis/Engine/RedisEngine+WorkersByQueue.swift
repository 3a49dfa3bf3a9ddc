import HiredisClient
import SpanQueue
import Synchronization

extension RedisEngine {
    /// The score of a worker that was announced without an idea of the server's time.
    private static let unknownLapse = 9_999_999_999_999.0

    /// One round trip for all ids, and another one for workers that were not seen before. Ten thousand workers are a list of ids, and
    /// not ten thousand hashes.
    func workersByQueue() async throws -> WorkersByQueue {
        var known = RESPCommand("ZRANGE", RedisKeys.workers, "0", "9999")
        known.append("WITHSCORES")
        let replies = try await client.pipeline([RESPCommand("TIME"), known], idempotent: true)
        var time = RESPCursor(try replies[0].get())
        _ = try time.nextArrayCount()
        let seconds = Double(try time.nextString()) ?? 0
        let now = seconds * 1000 + (Double(try time.nextString()) ?? 0) / 1000
        var cursor = RESPCursor(try replies[1].get())
        var alive: [String] = []
        var unsure: Set<String> = []
        for _ in 0..<(try cursor.nextArrayCount()) / 2 {
            let id = try cursor.nextString()
            let lapse = Double(try cursor.nextString()) ?? 0
            guard lapse > now else { continue }
            alive.append(id)
            // One that was announced without an idea of the server's time: its hash decides.
            if lapse >= Self.unknownLapse { unsure.insert(id) }
        }
        let remembered = queuesOfWorkers.withLock { $0 }
        let asked = alive.filter { remembered[$0] == nil || unsure.contains($0) }
        let answers = try await client.pipeline(
            asked.map { RESPCommand("HGETALL", RedisKeys.worker($0)) }, idempotent: true)
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
