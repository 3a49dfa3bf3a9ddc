// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueTelemetry
import Synchronization
import Testing

@testable import SpanQueueRedis

@Suite("A Redis that is set to evict while a worker runs", .timeLimit(.minutes(1)))
struct EvictionTests {
    @Test("a worker looks once a minute, says so once, and shows it", arguments: [false, true])
    func noticed(isAllowed: Bool) async throws {
        try await AuditBench.with { bench in
            let lines = Lines()
            let telemetry = JobTelemetry(registry: MetricsRegistry())
            var options = RedisEngineOptions()
            options.allowsEviction = isAllowed
            let engine = RedisEngine(
                url: try options.checkedURL(bench.server.url), options: options,
                environment: EngineEnvironment(logger: lines.logger, telemetry: telemetry))
            try await engine.start()
            func isShown() async -> Bool {
                String(decoding: await telemetry.registry.page().bytes, as: UTF8.self)
                    .contains("spanq_engine_may_evict{engine=\"redis\"} 1")
            }
            func announce() async throws {
                let info = WorkerInfo(
                    id: "w", host: "h", pid: 1, queues: ["q"], concurrency: 1, busy: 0,
                    startedAt: Timestamp(milliseconds: 1), version: "1")
                try await engine.announce(info, lifetime: .seconds(30))
            }
            #expect(await !isShown())
            try await bench.redis("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            // A worker makes itself known now and then, and has its first look with that.
            try await announce()
            #expect(lines.all.map(\.level) == [isAllowed ? .warning : .error])
            #expect(await isShown() == !isAllowed)
            try await bench.redis("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
            try await announce()
            #expect(!engine.isEvictionDue(now: .now + .seconds(30)))
            #expect(lines.all.count == 1, "it looks once a minute")
            try await bench.redis("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            #expect(engine.isEvictionDue(now: .now + .seconds(61)))
            for _ in 0..<2 { try await engine.lookAtEviction() }
            #expect(lines.all.map(\.level) == [isAllowed ? .warning : .error])
            #expect(lines.all.first?.text.contains("allkeys-lru") == true)
            #expect(await isShown() == !isAllowed)
            try await bench.redis("CONFIG", "SET", "maxmemory-policy", "noeviction")
            try await engine.lookAtEviction()
            #expect(lines.all.map(\.level).last == .notice)
            #expect(await !isShown())
            await engine.shutdown()
        }
    }
}

/// What was logged.
private final class Lines: Sendable {
    private let lines = Mutex<[(level: Logger.Level, text: String)]>([])

    var all: [(level: Logger.Level, text: String)] { lines.withLock { $0 } }
    var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    private struct Handler: LogHandler {
        let lines: Lines
        var logLevel = Logger.Level.notice
        var metadata = Logger.Metadata()
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.lines.withLock { $0.append((event.level, "\(event.message)")) }
        }
    }
}
