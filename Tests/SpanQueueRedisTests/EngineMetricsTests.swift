import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueRedis
import SpanQueueTelemetry
import Testing

@Suite("Metrics of the engine's round trips", .timeLimit(.minutes(1)))
struct EngineMetricsTests {
    @Test("they name the engine, and no metric names Redis")
    func names() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let telemetry = JobTelemetry(registry: MetricsRegistry())
        let queue = try await JobQueue(engine: .redis(server.url), telemetry: telemetry, logger: logger)
        try await queue.enqueue(type: "t", payload: [])
        await queue.shutdown()

        let page = String(decoding: await telemetry.registry.page().bytes, as: UTF8.self)
        let samples = page.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(
            samples.contains(#"spanq_engine_operation_seconds_count{engine="redis",operation="enqueue"} 1"#), "\(page)")
        #expect(samples.contains(#"spanq_engine_reconnects_total{engine="redis"} 0"#))
        #expect(!samples.contains { $0.prefix { $0 != "{" }.contains("redis") })
    }
}
