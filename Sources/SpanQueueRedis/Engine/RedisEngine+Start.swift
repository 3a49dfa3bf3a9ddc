// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import Logging
import SpanQueue

extension RedisEngine {
    /// Connects, and checks the server's version, its eviction policy, and the layout that it holds.
    func start() async throws {
        do {
            try await client.connect(timeout: options.commandTimeout)
        } catch let error as RedisError {
            throw SpanQueueError(error)
        }
        let server = try await ServerInfo(send(RESPCommand("INFO", "server")).string())
        let memory = try await ServerInfo(send(RESPCommand("INFO", "memory")).string())
        try checkVersion(server)
        let policy = memory["maxmemory_policy"] ?? Self.noEviction
        try checkEviction(policy)
        noteEviction(policy)
        try await checkDurability(server)
        try await upgradeLayout()
        // A server that has just come up was away: its clients may be on their way back.
        if let uptime = server["uptime_in_seconds"].flatMap({ Int($0) }), uptime < 60 { noteGap() }
    }

    private func checkVersion(_ server: ServerInfo) throws {
        guard server["redis_mode"] != "sentinel" else {
            throw SpanQueueError(
                .unsupported,
                "\(url) is a Sentinel: write redis-sentinel://host:26379/service, with the name of its service")
        }
        if server["valkey_version"] != nil { return }
        let version = server["redis_version"] ?? "unknown"
        guard let major = version.split(separator: ".").first.flatMap({ Int($0) }), major >= 7 else {
            throw SpanQueueError(
                .unsupported, "\(url) is Redis \(version): SpanQueue needs Redis 7.0 or later, or Valkey")
        }
    }

    static let noEviction = "noeviction"
    private static let remedy = "set it with: redis-cli CONFIG SET maxmemory-policy noeviction"

    /// Whether it was set to evict since we came: a worker that runs goes on, and its owner must hear of it.
    func lookAtEviction() async throws {
        let memory = try await ServerInfo(send(RESPCommand("INFO", "memory")).string())
        let policy = memory["maxmemory_policy"] ?? Self.noEviction
        guard noteEviction(policy) else { return }
        if Self.mayEvictJobs(policy), !options.allowsEviction {
            logger.error("Redis was set to maxmemory-policy \(policy), which can evict jobs: \(Self.remedy)")
        } else if policy != Self.noEviction {
            logger.warning("Redis was set to maxmemory-policy \(policy), not noeviction: \(Self.remedy)")
        } else {
            logger.notice("Redis evicts nothing any more: maxmemory-policy is noeviction")
        }
    }

    static func mayEvictJobs(_ policy: String) -> Bool { policy.hasPrefix("allkeys") }

    private func checkEviction(_ policy: String) throws {
        let remedy = Self.remedy
        if Self.mayEvictJobs(policy), !options.allowsEviction {
            throw SpanQueueError(
                .unsupported,
                "\(url) has maxmemory-policy \(policy), which can evict jobs: \(remedy), or allow eviction: --allow-eviction, RedisEngineOptions.allowsEviction"
            )
        } else if policy != Self.noEviction {
            logger.warning("maxmemory-policy is \(policy), not noeviction: \(remedy)")
        }
    }
}

/// The reply of `INFO`: lines of `name:value`.
struct ServerInfo {
    private var values: [Substring: Substring] = [:]

    init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { values[parts[0]] = parts[1] }
        }
    }

    subscript(name: Substring) -> String? { values[name].map(String.init) }
}
