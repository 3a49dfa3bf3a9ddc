// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import Testing

@Suite("The bench command", .serialized)
struct BenchCommandTests {
    private func withServer(_ body: (RedisServer) async throws -> Void) async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        try await body(server)
    }

    /// The keys that the server holds.
    private static func keys(_ server: RedisServer) throws -> Set<String> {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["redis-cli", "-s", server.socketPath, "KEYS", "*"]
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return Set(text.split(whereSeparator: \.isNewline).map(String.init))
    }

    @Test("a table shows each rate beside its floor, then the latencies, and nothing is left in Redis")
    func table() async throws {
        try await withServer { server in
            let only = [
                "floor-enqueue", "floor-drain", "floor-enqueue-job", "floor-drain-job", "round-trip",
                "enqueue-round-trip", "enqueue-one", "enqueue-tasks", "enqueue-bulk", "enqueue-bytes",
            ]
            let more = ["drain", "together", "retries", "idle-latency", "schedule-lag"]
            let words = (only + more).flatMap { ["--only", $0] }
            let run = try await CommandRun.spanq(["bench", "--jobs", "100"] + words, redis: server.url)
            #expect(run.code == 0)
            #expect(run.errors.isEmpty)
            let lines = run.output.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.first?.split(separator: " ").prefix(3) == ["BENCHMARK", "JOBS/S", "OF"])
            #expect(lines.dropLast().filter { $0.isEmpty }.count == 1)
            let bulk = try #require(lines.first { $0.hasPrefix("enqueue in bulk ") }).split(separator: " ")
            // Name of three words, rate, share of the floor, Redis' and our time, and between them the calls: one for 100 jobs.
            #expect(bulk.count == 9)
            #expect(Double(bulk[4]).map { $0 > 0 } == true)
            #expect(bulk[6] == "0.01")
            let floor = try #require(lines.first { $0.hasPrefix("floor: XADD") })
            #expect(floor.contains(" 1.00 "))
            #expect(lines.allSatisfy { $0.count <= 80 })
            #expect(lines.contains { $0.hasPrefix("LATENCY, ms") })
            #expect(lines.contains { $0.hasPrefix("due to handler") })
            #expect(try Self.keys(server) == ["spanq:layout"])
        }
    }

    @Test("--json prints a line for each benchmark, with what it cost")
    func json() async throws {
        try await withServer { server in
            let run = try await CommandRun.spanq(
                "bench", "--json", "--jobs", "256", "--only", "enqueue-bulk", "--only", "drain", "--workers", "2",
                redis: server.url)
            #expect(run.code == 0)
            let lines = run.output.split(separator: "\n").compactMap {
                try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
            }
            #expect(lines.compactMap { $0["benchmark"] as? String } == ["enqueue-bulk", "drain"])
            let bulk = try #require(lines.first)
            #expect(bulk["jobs"] as? Int == 256)
            // 256 jobs are two calls of the script.
            #expect(bulk["redis_calls"] as? Double == 2.0 / 256)
            #expect((bulk["redis_memory_bytes"] as? Double).map { $0 > 200 } == true)
            #expect((bulk["network_bytes"] as? Double).map { $0 > 200 && $0 < 1000 } == true)
            #expect(bulk["latency_ms"] is NSNull)
            #expect(try Self.keys(server) == ["spanq:layout"])
        }
    }

    /// A worker's queue of spans holds 2,048: a process that exported only as it ended could not send more.
    @Test("spans are exported while a drain is measured, and --json tells how many")
    func exports() async throws {
        try await withServer { server in
            let collector = Process()
            let (port, lifeline) = (Pipe(), Pipe())
            let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../Support/recording_collector.py").standardizedFileURL.path
            collector.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            collector.arguments = ["python3", script, server.directory + "/exported"]
            collector.standardInput = lifeline
            collector.standardOutput = port
            try collector.run()
            defer { collector.terminate() }
            let address = String(decoding: port.fileHandleForReading.availableData, as: UTF8.self)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            let run = try await CommandRun.spanq(
                "bench", "--json", "--jobs", "5000", "--only", "drain", redis: server.url,
                environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(address)"])
            #expect(run.code == 0)
            let exported = try #require(run.object["exported_spans"] as? Double)
            let dropped = try #require(run.object["dropped_spans"] as? Double)
            #expect(exported * 5000 > 2048)
            // Each job has at least its creation, wait, attempt and settlement.
            #expect(exported + dropped >= 4)
        }
    }

    /// The first queue, as `queue stats` counts it.
    private static func counts(_ redis: String) async throws -> [String: Any] {
        let stats = try await CommandRun.spanq("queue", "stats", "--json", redis: redis)
        return try #require((stats.object["queues"] as? [[String: Any]])?.first)
    }

    @Test(
        "a drain can be filled and run apart, and --no-retention keeps no record of its jobs", arguments: [true, false])
    func parts(keeps: Bool) async throws {
        try await withServer { server in
            let words = ["bench", "--json", "--jobs", "200", "--only", "drain", "--prefix", "mine", "--part"]
            let filled = try await CommandRun.spanq(
                words + ["fill"] + (keeps ? [] : ["--no-retention"]), redis: server.url)
            #expect(filled.code == 0, "\(filled.errors)")
            var counts = try await Self.counts(server.url)
            #expect(counts["name"] as? String == "mine-0" && counts["ready"] as? Int == 200)
            let run = try await CommandRun.spanq(words + ["run"], redis: server.url)
            #expect(run.code == 0 && run.object["jobs"] as? Int == 200, "\(run.errors)")
            counts = try await Self.counts(server.url)
            #expect(counts["ready"] as? Int == 0 && counts["completed"] as? Int == (keeps ? 200 : 0))
        }
    }

    @Test("--no-metrics measures the same, and without a collector there are no spans to count")
    func noMetrics() async throws {
        try await withServer { server in
            let run = try await CommandRun.spanq(
                "bench", "--json", "--no-metrics", "--jobs", "256", "--only", "drain", redis: server.url)
            #expect(run.code == 0)
            #expect(run.object["jobs"] as? Int == 256)
            #expect(run.object["exported_spans"] is NSNull)
        }
    }

    @Test(
        "bad values are usage errors and touch nothing",
        arguments: [
            ["--jobs", "0"], ["--payload", "-1"], ["--payload", "1048577"], ["--concurrency", "0"],
            ["--workers", "1001"],
            ["--queues", "1001"], ["--depth", "-1"], ["--only", "nonsense"],
        ])
    func usage(words: [String]) async throws {
        let run = try await CommandRun.spanq(["bench"] + words, redis: "unix:///nowhere")
        #expect(run.code == 2)
        #expect(run.isOneErrorLine)
        #expect(run.errors.contains(words[0]))
        #expect(run.output.isEmpty)
    }

    @Test("a Redis that is away is exit code 4")
    func away() async throws {
        let run = try await CommandRun.spanq("bench", "--only", "drain", redis: "redis://127.0.0.1:1")
        #expect(run.code == 4)
        #expect(run.isOneErrorLine)
    }

    @Test("an interrupt removes what was put into Redis, and shows what was measured until then")
    func interrupt() async throws {
        try await withServer { server in
            let output = Pipe()
            let process = try CommandRun.start(
                ["bench", "--jobs", "200000", "--only", "floor-enqueue", "--only", "enqueue-one"], redis: server.url,
                output: output)
            let deadline = ContinuousClock.now + .seconds(30)
            while try Self.keys(server).count < 3, .now < deadline { try await Task.sleep(for: .milliseconds(50)) }
            #expect(try Self.keys(server).count >= 3)
            process.interrupt()
            process.waitUntilExit()
            #expect(process.terminationStatus == 1)
            let shown = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            #expect(shown.split(separator: "\n").map { $0.prefix(11) } == ["BENCHMARK  ", "floor: XADD"])
            #expect(try Self.keys(server) == ["spanq:layout"])
        }
    }
}
