// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// What must hold for the keys of a queue whatever happened: each id in exactly one set, each with its message, each lease with
/// its job, each lock with its owner.
enum Keyspace {
    private static let sets: [(name: String, read: [String])] = [
        ("ready", ["LRANGE", "0", "-1"]), ("priority", ["ZRANGE", "0", "-1"]), ("scheduled", ["ZRANGE", "0", "-1"]),
        ("retrying", ["ZRANGE", "0", "-1"]), ("active", ["ZRANGE", "0", "-1"]),
        ("completed", ["LRANGE", "0", "-1"]), ("retained", ["ZRANGE", "0", "-1"]), ("dead", ["ZRANGE", "0", "-1"]),
        ("cancelled", ["ZRANGE", "0", "-1"]),
    ]

    /// What does not hold, in words. Only for a queue at rest: it reads key by key.
    static func damage(of queue: String, _ redis: RawRedis) async throws -> [String] {
        func strings(_ command: String, _ key: String, _ rest: [String] = []) async throws -> [String] {
            try await redis.strings([command, "spanq:{\(queue)}:\(key)"] + rest)
        }
        var damage: [String] = []
        let known = Set(try await strings("HKEYS", "jobs"))
        var places: [String: String] = [:]
        var active: Set<String> = []
        for (name, read) in sets {
            let ids = try await strings(read[0], name, Array(read.dropFirst()))
            if name == "active" { active = Set(ids) }
            for id in ids {
                if let other = places.updateValue(name, forKey: id) {
                    damage.append("\(id) is in \(other) and \(name)")
                }
                if !known.contains(id) { damage.append("\(id) in \(name) has no message") }
            }
        }
        for id in known where places[id] == nil { damage.append("\(id) is in no set") }
        for id in try await strings("HKEYS", "runs") where !known.contains(id) {
            damage.append("the run of \(id) has no message")
        }
        let leased = Set(try await strings("HKEYS", "leases"))
        for id in leased.symmetricDifference(active) { damage.append("\(id) is active or leased, not both") }
        for id in try await strings("HKEYS", "cancelling") where !active.contains(id) {
            damage.append("the cancel of \(id), which is not active, is pending")
        }
        let over: Set<String> = ["completed", "retained", "dead", "cancelled"]
        for lock in try await strings("HVALS", "unique") where lock.hasPrefix("0:") {
            let owner = String(lock.dropFirst(2))
            if over.contains(places[owner] ?? "completed") { damage.append("\(owner) is over and holds its lock") }
        }
        return damage
    }
}
