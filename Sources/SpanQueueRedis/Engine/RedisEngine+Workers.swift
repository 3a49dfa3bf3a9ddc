// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue
import Synchronization

extension RedisEngine {
    func announce(_ worker: WorkerInfo, lifetime: Duration) async throws {
        try await announce(worker.id, lifetime: lifetime) { arguments in
            for (name, value) in [
                ("host", worker.host), ("pid", String(worker.pid)), ("queues", worker.queues.joined(separator: ",")),
                ("concurrency", String(worker.concurrency)), ("busy", String(worker.busy)),
                ("started_at", String(worker.startedAt.milliseconds)), ("version", worker.version),
                ("types", worker.types.joined(separator: ",")),
            ] {
                arguments.append(name)
                arguments.append(value)
            }
        }
        if isEvictionDue() { try await lookAtEviction() }
    }

    func retire(workerID: String) async throws {
        try await announce(workerID, lifetime: .zero) { _ in }
    }

    private func announce(
        _ id: String, lifetime: Duration, _ fields: (inout RESPCommand) -> Void
    ) async throws {
        let watch = lifetime > .zero ? node.watch(atLeast: lifetime) : nil
        let reply = try await call(
            RedisScriptCall(
                scripts.announce, keys: [RedisKeys.workers, RedisKeys.worker(id), RedisKeys.clock]
            ) { arguments in
                arguments.append(id)
                arguments.append(lifetime > .zero ? max(1, lifetime.milliseconds) : 0)
                arguments.append(watch?.expected ?? 0)
                arguments.append(watch?.evenFor.milliseconds ?? 0)
                fields(&arguments)
            })
        do {
            var cursor = RESPCursor(reply)
            node.learn(Timestamp(milliseconds: try cursor.nextDecimal()))
        } catch {
            throw SpanQueueError.unexpectedReply("announce", error)
        }
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
            startedAt: Timestamp(milliseconds: Int64(number("started_at"))), version: fields["version"] ?? "",
            types: (fields["types"] ?? "").split(separator: ",").map(String.init))
    }
}

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
