// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import PostgresClient
import PostgresServerFixture
import SpanQueue
import SpanQueueTelemetry

/// What comes of tables that can't be cleaned, or can't grow.
extension Scenario {
    /// A session that holds a snapshot keeps every dead version of a row where it is, while jobs go through at a fixed rate.
    static let postgresSnapshot = Scenario(
        "pg-snapshot", "a session holds an old snapshot, at 2,000 jobs a second", isQuick: false
    ) { size in
        let (before, during) =
            size == .full ? (Duration.seconds(60), Duration.seconds(600)) : (.seconds(4), .seconds(8))
        return try await PostgresStage.with { stage in
            let engine = try await EngineOn.started(stage.store.url)
            let calm = try await steady(engine, for: before)
            let url = try PostgresURL(stage.store.url)
            let holding = Task {
                try await PostgresScript.run("SELECT count(*) FROM spanq.queue; SELECT pg_sleep(100000)", on: url)
            }
            let holder = "FROM pg_stat_activity WHERE query LIKE '%pg_sleep(100000)%' AND pid <> pg_backend_pid()"
            try await wait(for: "the snapshot", within: .seconds(20)) {
                try await stage.store.sql("SELECT count(*) \(holder) AND backend_xmin IS NOT NULL") == "1"
            }
            let held = try await steady(engine, for: during)
            try await stage.store.sql("SELECT pg_terminate_backend(pid) \(holder)")
            _ = try? await holding.value
            await engine.shutdown()
            let counts = try await stage.queue.counts(of: ["default"])[0]
            return [
                Figure("claims before: p50 \(Figure.text(calm.p50)), p99 \(Figure.text(calm.p99))"),
                Figure("claims under it: p50 \(Figure.text(held.p50)), p99 \(Figure.text(held.p99))"),
                .exactly("jobs", calm.jobs + held.jobs, counts.totals.completed),
                .none("damage", try await stage.store.damage(of: "default")),
                .atMost(
                    "p99 under it, of that before in per cent", Int(held.p99 / calm.p99 * 100), 200,
                    slack: size == .full ? 0 : 800),
            ]
        }
    }

    /// Enqueues, claims and completes a hundred jobs every 50 ms, and says how long the claims took.
    private static func steady(
        _ engine: any Engine, for time: Duration
    ) async throws -> (jobs: Int, p50: Duration, p99: Duration) {
        let payload = try FaultJob().bytes
        var times: [Duration] = []
        var jobs = 0
        var next = ContinuousClock.now
        let end = next + time
        while next < end {
            let new = (0..<100).map { _ in
                NewJob(
                    message: JobMessage(
                        id: .random(), queue: "default", type: FaultJob.jobType, payload: payload, priority: 0,
                        maxRetries: 3, backoff: nil, timeout: nil, deadline: nil, unique: nil, retention: .standard,
                        tags: [], trace: .root(), runAt: nil, enqueuedAt: Timestamp(milliseconds: 0),
                        contentDigest: nil))
            }
            _ = try await engine.enqueue(new)
            let asked = ContinuousClock.now
            let claimed = try await engine.claim(
                ClaimRequest(queue: "default", limit: 100, lease: .seconds(30), worker: "w")
            ).jobs
            times.append(ContinuousClock.now - asked)
            let outcomes = try await engine.settleAll(claimed.map { Settlement($0, .complete) })
            jobs += outcomes.count { $0 == .settled }
            next += .milliseconds(50)
            try await Task.sleep(until: next)
        }
        times.sort()
        return (jobs, times.median, times.isEmpty ? .zero : times[min(times.count - 1, times.count * 99 / 100)])
    }

    /// The server's files are on a file system of a fixed size, which somebody else fills.
    static let postgresFullDisk = Scenario(
        "pg-full-disk", "a full disk under the server, then room again", isQuick: false
    ) { size in
        let outage = Duration.seconds(size == .full ? 20 : 5)
        let disk = SmallDisk()
        defer { disk.unmount() }
        let store: PostgresStore
        do {
            store = try await PostgresStore(
                ["fsync=on", "max_wal_size=64MB", "min_wal_size=32MB", "wal_keep_size=0"], hasStandby: false,
                endsAreDurable: true, prepare: disk.mount)
        } catch let error as SmallDisk.Refused {
            return [Figure("no file system can be mounted here (\(error.status)): not looked at")]
        }
        return try await PostgresStage.with(store) { stage in
            // Before the server's directory is removed, which can't be while something is mounted there.
            defer { disk.unmount() }
            for _ in 0..<2 { try stage.worker(concurrency: 8) }
            let producer = try stage.producer(count: 3_000, pause: .milliseconds(size == .full ? 8 : 2))
            try await wait(for: "the first runs", within: .seconds(20)) { stage.lines(.settled).count > 50 }
            try disk.fill()
            // Rows of others, until there is no room for more.
            var refused = 0
            let end = ContinuousClock.now + outage
            while ContinuousClock.now < end {
                do {
                    try await store.sql(
                        "CREATE TABLE IF NOT EXISTS filling (b text); INSERT INTO filling SELECT repeat(md5(n::text), 50) FROM generate_series(1, 2000) AS n"
                    )
                } catch {
                    refused += 1
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            try disk.clear()
            // A server that could not even write its log has ended.
            if store.server.hasEnded { try await store.server.restart() }
            try await producer.waitUntilExit(within: .seconds(180))
            try await stage.drain(within: .seconds(60))
            let findings = try await stage.check()
            return findings.figures + [
                .exactly("accepted", findings.accepted, 3_000), .atLeast("statements refused", refused, 1),
                Figure("enqueues refused meanwhile \(stage.lines(.refused).count)"),
                Figure("extra runs \(findings.extraRuns)"),
            ]
        }
    }
}

/// A file system of 160 MB in memory, for root.
///
/// `@unchecked Sendable`: one scenario owns it, and calls one method at a time.
private final class SmallDisk: @unchecked Sendable {
    struct Refused: Error { let status: Int32 }

    private var directory: String?
    private var filling: String { (directory ?? "") + "/filling" }

    func mount(on directory: String) throws {
        try command(["mount", "-t", "tmpfs", "-o", "size=160m,uid=65534,gid=65534,mode=755", "spanq", directory])
        self.directory = directory
    }

    /// Leaves 2 MB.
    func fill() throws {
        var status = statvfs()
        guard let directory, statvfs(directory, &status) == 0 else { throw Unmet("no disk is mounted") }
        let left = Int(status.f_bavail) * Int(status.f_frsize)
        try command(["fallocate", "-l", "\(max(4096, left - (2 << 20)))", filling])
    }

    func clear() throws { try FileManager.default.removeItem(atPath: filling) }

    func unmount() {
        guard let directory else { return }
        try? command(["umount", "--lazy", directory])
        self.directory = nil
    }

    private func command(_ words: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Refused(status: process.terminationStatus) }
    }
}
