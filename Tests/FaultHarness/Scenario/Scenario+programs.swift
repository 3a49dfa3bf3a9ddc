// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueue
import SpanQueueRedis
import SpanQueueTelemetry

extension Scenario {
    /// The first SIGTERM drains, the second cuts the drain short.
    static let secondSignal = Scenario("second-signal", "a second SIGTERM in the middle of a drain") { _ in
        try await RedisStage.with { stage in
            let jobs = 4
            let worker = try stage.start(
                "spanq",
                [
                    "worker", "--redis", stage.server.url, "--exec", "fault:*=/bin/sleep 60", "--concurrency",
                    "\(jobs)",
                    "--listen", "127.0.0.1:0",
                ])
            for _ in 0..<jobs { try await stage.enqueue(FaultJob()) }
            // Claimed is not begun: a drain gives back what has no program yet.
            try await wait(for: "them to run", within: .seconds(20)) { worker.programs == jobs }
            worker.signal(SIGTERM)
            try await Task.sleep(for: .milliseconds(500))
            let drains = try await stage.count(.active) == jobs && worker.isRunning
            worker.signal(SIGTERM)
            let asked = ContinuousClock.now
            try await worker.waitUntilExit(within: .seconds(20))
            let took = ContinuousClock.now - asked
            let records = try await stage.queue.list(ListRequest(queue: "default", state: .ready)).jobs
            return [
                .exactly("drains after the first", drains ? 1 : 0, 1),
                .atMost("exit after the second", took, .seconds(2), slack: .seconds(2)),
                .exactly("jobs released", records.count, jobs),
                .exactly("attempts charged", records.reduce(0) { $0 + $1.run.attempts + $1.run.reclaims }, 0),
            ]
        }
    }

    static let jobTypes = Scenario("job-types", "100,000 job types") { size in
        let (types, cap) = (size == .full ? 100_000 : 10_000, MetricsRegistryConfiguration().maximumSeriesPerFamily)
        return try await RedisStage.with { stage in
            let telemetry = JobTelemetry()
            let queue = try JobQueue(
                engine: .redis(stage.server.url, WorkerRole.keepsAll), telemetry: telemetry, logger: .silent)
            for start in stride(from: 0, to: types, by: 1000) {
                _ = try await queue.enqueue(
                    (start..<(start + 1000)).map { EnqueueRequest(type: "type:\($0)", payload: []) })
            }
            let worker = try Worker(queue, WorkerConfiguration(concurrency: 100))
            try worker.handle("*") { _, _ in }
            try await worker.runOnce()
            let families = telemetry.registry.snapshot().families
            let points = families.filter { $0.name != "spanq_metrics_overflow" }.map(\.points.count)
            let overflow = families.first { $0.name == "spanq_metrics_overflow" }?.points ?? []
            let overflowed = overflow.reduce(0.0) { sum, point in
                if case .integer(let value) = point.value { sum + Double(value) } else { sum }
            }
            let page = await telemetry.registry.page()
            await queue.shutdown()
            return [
                .exactly("completed", try await stage.queue.counts()[0].totals.completed, types),
                .atMost("series of the largest family", points.max() ?? 0, cap + 1),
                .atLeast("lookups counted as overflow", Int(overflowed), types - cap),
                .atMost("the page, KiB", page.bytes.count / 1024, 64 << 10),
            ]
        }
    }

    /// A password in Redis' URL, a token in an OTLP header, a secret in a payload: searched for in all that comes out.
    static let canary = Scenario("canary", "a secret in the Redis URL, an OTLP header and a payload") { _ in
        let (password, header, payload) = ("canary-url-51", "canary-header-52", "canary-payload-53")
        let port = try freePort()
        return try await RedisStage.with(["--port", "\(port)"]) { stage in
            let sink = try ByteSink()
            defer { sink.stop() }
            try await stage.redis.call("ACL", "SETUSER", "worker", "on", ">\(password)", "~*", "+@all")
            let environment = [
                "SPANQ_REDIS_URL": "redis://worker:\(password)@127.0.0.1:\(port)",
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(sink.port)",
                "OTEL_EXPORTER_OTLP_HEADERS": "authorization=\(header)", "OTEL_BSP_SCHEDULE_DELAY": "50",
                "OTEL_METRICS_EXPORTER": "otlp", "OTEL_METRIC_EXPORT_INTERVAL": "200",
            ]
            func spanq(_ arguments: String...) async throws {
                let child = try stage.start("spanq", arguments, environment: environment)
                try await child.waitUntilExit(within: .seconds(30))
            }
            let worker = try stage.start(
                "spanq",
                [
                    "worker", "--exec", "fault:*=/bin/false", "--listen", "127.0.0.1:0", "--log-level", "trace",
                ], environment: environment)
            try await spanq("enqueue", "fault:secret", payload, "--max-retries", "0", "--json")
            try await wait(for: "its death", within: .seconds(30)) { try await stage.count(.dead) == 1 }
            try await spanq("queue", "stats", "--json")
            try await spanq("dead", "list", "--json")
            // The worker loses Redis, complains, and finds it again.
            try await stage.server.restart()
            try await stage.redis.call("ACL", "SETUSER", "worker", "on", ">other", "~*", "+@all")
            try await Task.sleep(for: .seconds(1))
            try await spanq("queue", "stats", "--json")
            try await spanq("enqueue", "fault:secret", payload, "--json")
            try await spanq("worker", "--print-config")
            worker.signal(SIGTERM)
            try await worker.waitUntilExit(within: .seconds(40))
            let printed = stage.logs
            let sent = sink.text
            let heads = sent.components(separatedBy: "authorization: \(header)").count - 1
            return [
                .none("outputs with the password", printed.filter { $0.contains(password) }),
                .none("outputs with the header's token", printed.filter { $0.contains(header) }),
                // A dead letter's record has the payload, as it must; nothing else does.
                .exactly("outputs with the payload, beside its record", printed.count { $0.contains(payload) } - 1, 0),
                .atLeast("exports", heads, 2),
                .exactly(
                    "header's token elsewhere in exports", sent.components(separatedBy: header).count - 1 - heads, 0),
                .exactly("exports with the password", sent.contains(password) ? 1 : 0, 0),
                .exactly("exports with the payload", sent.contains(payload) ? 1 : 0, 0),
                .atLeast("lines that were searched", printed.joined().split(separator: "\n").count, 10),
            ]
        }
    }
}
