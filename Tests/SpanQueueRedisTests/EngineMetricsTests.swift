// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueTelemetry
import Testing

@testable import SpanQueueRedis

@Suite("Metrics of the engine's round trips", .timeLimit(.minutes(1)))
struct EngineMetricsTests {
    @Test("they name the engine, and no metric names Redis")
    func names() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let telemetry = JobTelemetry(registry: MetricsRegistry())
        let queue = try JobQueue(engine: .redis(server.url), telemetry: telemetry, logger: logger)
        try await queue.enqueue(type: "t", payload: [])
        await queue.shutdown()

        let page = String(decoding: await telemetry.registry.page().bytes, as: UTF8.self)
        let samples = page.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(
            samples.contains(#"spanq_engine_operation_seconds_count{engine="redis",operation="enqueue"} 1"#), "\(page)")
        #expect(samples.contains(#"spanq_engine_reconnects_total{engine="redis"} 0"#))
        #expect(samples.contains(#"spanq_engine_redirects_total{engine="redis",kind="failover"} 0"#))
        #expect(!samples.contains { $0.prefix { $0 != "{" }.contains("redis") })
    }

    @Test("a scrape counts the queues that it shows, and reads a worker that it has seen no more")
    func scrapeCost() async throws {
        try await AuditBench.with { bench in
            let engine = bench.engine
            let queue = try JobQueue(engine: EngineSource { _ in engine })
            _ = try await queue.enqueue(
                (0..<600).map { EnqueueRequest(type: "t", payload: [], options: [.queue("q\($0)")]) })
            for number in 0..<100 { try await announce("w\(number)", engine) }
            let registry = MetricsRegistry()
            try queue.registerGauges(on: registry)
            try await bench.redis("CONFIG", "RESETSTAT")
            let first = await registry.collect()
            #expect(workers(first, "q1") == .double(100) && workers(first, "q0") == .double(0))
            #expect(try await calls("evalsha", bench) == 240)
            #expect(try await calls("hgetall", bench) == 100)

            // One ends, one comes, and one dies: what was seen before is not read again.
            try await engine.retire(workerID: "w0")
            try await announce("late", engine)
            try await announce("dying", engine, lifetime: .milliseconds(1))
            while try await bench.redis("EXISTS", RedisKeys.worker("dying")).integer() != 0 {}
            try await bench.redis("CONFIG", "RESETSTAT")
            let second = await registry.collect()
            #expect(workers(second, "q1") == .double(100))
            #expect(try await calls("evalsha", bench) == 240)
            #expect(try await calls("hgetall", bench) <= 2)
            #expect(try await engine.workersByQueue() == WorkersByQueue(queue.workers().map(\.queues)))
        }
    }

    private func announce(_ id: String, _ engine: RedisEngine, lifetime: Duration = .seconds(60)) async throws {
        try await engine.announce(
            WorkerInfo(
                id: id, host: "h", pid: 1, queues: ["q1", "q1", "q2"], concurrency: 1, busy: 0,
                startedAt: engine.now(), version: "1"), lifetime: lifetime)
    }

    private func workers(_ snapshot: MetricsSnapshot, _ queue: String) -> MetricValue? {
        snapshot.families.first { $0.name == "spanq_workers_alive" }?.points
            .first { $0.labels.pairs.first?.value == queue }?.value
    }

    private func calls(_ command: String, _ bench: AuditBench) async throws -> Int {
        let statistics = try await bench.redis("INFO", "commandstats").string()
        guard let range = statistics.range(of: "cmdstat_\(command):calls=") else { return 0 }
        return Int(statistics[range.upperBound...].prefix { $0.isNumber }) ?? 0
    }
}
