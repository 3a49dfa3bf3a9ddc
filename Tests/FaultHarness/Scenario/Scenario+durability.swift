// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueue

extension Scenario {
    /// What is gone when Redis loses its last writes. Not faults that must be borne, but figures for the page on semantics.
    static let durability: [Scenario] = [
        powerLoss("power-loss-everysec", "everysec"), powerLoss("power-loss-always", "always"),
        crashInFsync,
        Scenario("no-persistence", "redis-server killed without AOF and RDB", isQuick: false) { _ in
            try await afterCrash([]) { stage in
                stage.server.kill()
                return []
            }
        },
        laggingReplica,
    ]

    /// A sync takes a second, and redis-server is killed while it holds back writes that it has answered.
    private static let crashInFsync = Scenario(
        "crash-in-fsync", "redis-server killed under appendfsync everysec, on a disk that takes a second to sync",
        isQuick: false
    ) { _ in
        try await SlowDisk.with {
            try await afterCrash(["--appendonly", "yes", "--appendfsync", "everysec"]) { stage in
                try await wait(for: "writes to be held back", within: .seconds(30)) {
                    let held = Int(try await stage.redis.info("aof_buffer_length")) ?? 0
                    return held > 256 << 10
                }
                stage.server.kill()
                return []
            }
        }
    }

    /// Power loss, played: redis-server is killed, and of its AOF only that is kept which was in the file a second before, which is
    /// what `everysec` promises to have synced; with `always` all that was in it when the last enqueue returned.
    private static func powerLoss(_ name: String, _ policy: String) -> Scenario {
        Scenario(name, "power loss, appendfsync \(policy): the AOF's tail cut off", isQuick: false) { _ in
            try await afterCrash(
                ["--appendonly", "yes", "--appendfsync", policy], goneAtMost: policy == "always" ? 0 : .max
            ) { stage in
                let log = try aofPath(stage.server.directory)
                let synced = try size(of: log)
                if policy == "everysec" { try await Task.sleep(for: .seconds(1)) }
                stage.server.kill()
                let end = try size(of: log)
                guard policy == "everysec" else { return [] }
                truncate(log, off_t(synced))
                return [Figure("\((end - synced) / 1024) KiB cut off")]
            }
        }
    }

    /// Enqueues for three seconds, crashes in the middle of it, starts again and counts.
    private static func afterCrash(
        _ arguments: [String], goneAtMost bound: Int = .max, _ crash: @escaping (RedisStage) async throws -> [Figure]
    ) async throws -> [Figure] {
        try await RedisStage.with(arguments) { stage in
            let producer = try stage.producer(count: 1_000_000)
            try await wait(for: "the first jobs", within: .seconds(20)) { stage.lines(.accepted).count > 1_000 }
            try await Task.sleep(for: .seconds(2))
            let more = try await crash(stage)
            let died = HistoryLine.now
            producer.signal(SIGKILL)
            try await producer.waitUntilExit(within: .seconds(5))
            try await stage.server.restart()
            try await wait(for: "the data to be loaded", within: .seconds(60)) {
                (try? await stage.redis.info("loading")) == "0"
            }
            return try await losses(in: stage.lines(.accepted), before: died, stage.redis, goneAtMost: bound)
                + more
        }
    }

    /// Asynchronous replication stopped half a second before the primary dies, and the replica promoted.
    private static let laggingReplica = Scenario(
        "lagging-replica", "the primary dies; a replica that lags by half a second is promoted", isQuick: false
    ) { _ in
        let (first, second) = (try freePort(), try freePort())
        return try await RedisStage.with(["--port", "\(first)", "--repl-diskless-sync-delay", "0"]) { stage in
            let replica = try await RedisServer.start(["--port", "\(second)", "--replicaof", "127.0.0.1 \(first)"])
            defer { replica.stop() }
            let other = try RawRedis(replica.url)
            try await wait(for: "the replica", within: .seconds(20)) {
                try await other.info("master_link_status") == "up"
            }
            let producer = try stage.producer(count: 1_000_000)
            try await wait(for: "the first jobs", within: .seconds(20)) { stage.lines(.accepted).count > 1_000 }
            try await Task.sleep(for: .seconds(1))
            replica.signal(SIGSTOP)
            try await Task.sleep(for: .milliseconds(500))
            stage.server.kill()
            let died = HistoryLine.now
            producer.signal(SIGKILL)
            replica.signal(SIGCONT)
            try await other.call("REPLICAOF", "NO", "ONE")
            let figures = try await losses(in: stage.lines(.accepted), before: died, other)
            await other.close()
            try await stage.server.restart()
            return figures
        }
    }

    private static func losses(
        in accepted: [HistoryLine], before death: Int64, _ redis: RawRedis, goneAtMost bound: Int = .max
    ) async throws -> [Figure] {
        let kept = Set(try await redis.strings(["HKEYS", "spanq:{default}:jobs"]))
        let gone = accepted.filter { !kept.contains($0.job) }
        let rate = Double(accepted.count) / Double(max(1, death - (accepted.first?.milliseconds ?? 0))) * 1000
        let oldest = gone.first.map { death - $0.milliseconds } ?? 0
        return [
            Figure("\(accepted.count) accepted, \(Int(rate)) a second"),
            Figure("gone \(gone.count) of them", holds: gone.count <= bound),
            Figure("the oldest accepted \(Figure.text(.milliseconds(oldest))) before the crash"),
        ]
    }

    private static func aofPath(_ directory: String) throws -> String {
        let folder = directory + "/appendonlydir"
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
        guard let log = files.filter({ $0.hasSuffix(".incr.aof") }).max() else { throw Unmet("no AOF in \(folder)") }
        return "\(folder)/\(log)"
    }

    private static func size(of path: String) throws -> Int {
        (try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    }
}
