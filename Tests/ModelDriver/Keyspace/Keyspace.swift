// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue

/// All that Redis holds, key by key, as it is stored.
struct Keyspace: Equatable {
    /// The names of all keys there are, in their order.
    var keys: [String] = []
    var jobs: [JobID: [UInt8]] = [:]
    var runs: [JobID: [UInt8]] = [:]
    var leases: [JobID: String] = [:]
    var cancelling: [JobID: String] = [:]
    var ready: [JobID] = []
    var completed: [JobID] = []
    var priority: [Scored] = []
    var scheduled: [Scored] = []
    var retrying: [Scored] = []
    var active: [Scored] = []
    var retained: [Scored] = []
    var dead: [Scored] = []
    var cancelled: [Scored] = []
    var unique: [[UInt8]: String] = [:]
    var uniqueExpiry: [[UInt8]: Double] = [:]
    var meta: [String: String] = [:]
    var wake: [String] = []
    /// Of the keys that are no queue's: how long they will live (ms), negative forever.
    var lifetimes: [String: Int64] = [:]

    /// A member of a sorted set.
    struct Scored: Equatable {
        var id: JobID
        var score: Double
    }

    /// The names of a queue's keys.
    static let names = [
        "jobs", "runs", "leases", "cancelling", "ready", "completed", "priority", "scheduled", "retrying", "active",
        "retained", "dead", "cancelled", "unique", "unique-expiry", "meta", "wake", "fence",
    ]

    /// Reads it in one round trip.
    static func read(_ client: RedisClient, queue: String) async throws -> Keyspace {
        func key(_ name: String) -> String { "spanq:{\(queue)}:\(name)" }
        let hashes = ["jobs", "runs", "leases", "cancelling", "unique", "meta"]
        let lists = ["ready", "completed", "wake"]
        let sets = ["priority", "scheduled", "retrying", "active", "retained", "dead", "cancelled", "unique-expiry"]
        let commands =
            hashes.map { RESPCommand("HGETALL", key($0)) } + lists.map { RESPCommand("LRANGE", key($0), "0", "-1") }
            + sets.map { RESPCommand("ZRANGE", key($0), "0", "-1", "WITHSCORES") } + [RESPCommand("KEYS", "*")]
        var replies = try await client.pipeline(commands, idempotent: true).map { try $0.get() }[...]
        func next() -> RESPReply { replies.removeFirst() }
        var space = Keyspace()
        space.jobs = try fields(next())
        space.runs = try fields(next())
        space.leases = try fields(next()).mapValues { String(decoding: $0, as: UTF8.self) }
        space.cancelling = try fields(next()).mapValues { String(decoding: $0, as: UTF8.self) }
        for (digest, lock) in try pairs(next()) { space.unique[digest] = String(decoding: lock, as: UTF8.self) }
        for (id, value) in try fields(next()) { space.meta[id.description] = String(decoding: value, as: UTF8.self) }
        space.ready = try strings(next()).map(JobID.init(unchecked:))
        space.completed = try strings(next()).map(JobID.init(unchecked:))
        space.wake = try strings(next())
        for set in [
            \Keyspace.priority, \.scheduled, \.retrying, \.active, \.retained, \.dead, \.cancelled,
        ] {
            space[keyPath: set] = try pairs(next()).map { Scored(id: id($0), score: score($1)) }
        }
        for (digest, text) in try pairs(next()) { space.uniqueExpiry[digest] = score(text) }
        space.keys = try strings(next()).sorted()
        let others = space.keys.filter { !$0.hasPrefix("spanq:{\(queue)}:") && $0.hasPrefix("spanq:{@}:worker:") }
        for name in others {
            space.lifetimes[name] = try await client.send(RESPCommand("PTTL", name), idempotent: true).integer()
        }
        return space
    }

    private static func id(_ bytes: [UInt8]) -> JobID { JobID(unchecked: String(decoding: bytes, as: UTF8.self)) }
    private static func score(_ bytes: [UInt8]) -> Double { Double(String(decoding: bytes, as: UTF8.self)) ?? .nan }

    private static func fields(_ reply: RESPReply) throws -> [JobID: [UInt8]] {
        Dictionary(uniqueKeysWithValues: try pairs(reply).map { (id($0), $1) })
    }

    private static func strings(_ reply: RESPReply) throws -> [String] {
        var cursor = RESPCursor(reply)
        return try (0..<(try cursor.nextArrayCount())).map { _ in try cursor.nextString() }
    }

    private static func pairs(_ reply: RESPReply) throws -> [([UInt8], [UInt8])] {
        var cursor = RESPCursor(reply)
        return try (0..<(try cursor.nextArrayCount()) / 2).map { _ in (try cursor.nextBytes(), try cursor.nextBytes()) }
    }
}

extension Keyspace {
    /// The state sets, by the state that standing in them is.
    var places: [(state: JobState, ids: [JobID])] {
        [
            (.scheduled, scheduled.map(\.id)), (.ready, ready), (.ready, priority.map(\.id)),
            (.active, active.map(\.id)), (.retrying, retrying.map(\.id)), (.completed, completed),
            (.completed, retained.map(\.id)), (.dead, dead.map(\.id)), (.cancelled, cancelled.map(\.id)),
        ]
    }
}

extension Keyspace: ModelStore {
    var ids: Set<JobID> { Set(jobs.keys) }
    var wakeUps: Int? { wake.count }
    /// The keys of workers age, and go, by themselves.
    var ages: Bool { !lifetimes.isEmpty }

    /// Only `meta` stays, with at most a wake-up.
    var leftovers: [String] {
        keys.filter { $0.hasPrefix("spanq:{\(Stage.queue)}:") && !$0.hasSuffix("}:meta") && !$0.hasSuffix("}:wake") }
    }
}
