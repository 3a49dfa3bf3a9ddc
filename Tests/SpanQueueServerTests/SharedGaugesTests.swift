// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HTTPFixture
import Logging
import SpanQueue
import SpanQueueTelemetry
import SpanQueueTesting
import Testing

@Suite("The gauges that all processes share", .timeLimit(.minutes(1)))
struct SharedGaugesTests {
    private func samples(_ registry: MetricsRegistry) async -> [String: String] {
        let page = await registry.page()
        return Answer.samples(of: String(decoding: page.bytes, as: UTF8.self))
            .filter { $0.key.hasPrefix("spanq_queue") || $0.key.hasPrefix("spanq_workers") }
    }

    private func worker(_ id: String, _ queues: [String]) -> WorkerInfo {
        WorkerInfo(
            id: id, host: "h", pid: 1, queues: queues, concurrency: 1, busy: 0, startedAt: Timestamp(milliseconds: 0),
            version: "1")
    }

    private func queue(_ engine: any Engine) throws -> JobQueue {
        try JobQueue(
            engine: EngineSource { _ in engine },
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    @Test("every state, age, pause and worker of every queue is there, and nothing else")
    func all() async throws {
        let clock = ManualClock()
        let engine = InMemoryEngine(clock: clock)
        let queue = try queue(engine)
        try await queue.enqueue(type: "t", payload: [], .queue("mail"))
        try await queue.enqueue(type: "t", payload: [], .queue("mail"), .delay(.seconds(60)))
        clock.advance(by: .milliseconds(12_009))
        try await queue.enqueue(type: "t", payload: [], .queue("mail"))
        try await queue.pause("mail")
        try await queue.enqueue(type: "t", payload: [], .queue("later"), .delay(.seconds(60)))
        try await engine.announce(worker("a", ["mail", "fresh"]), lifetime: .seconds(10))
        try await engine.announce(worker("b", ["mail", "mail"]), lifetime: .seconds(10))
        let registry = MetricsRegistry()
        try queue.registerGauges(on: registry)

        var expected = ["spanq_queue_scrape_success": "1"]
        for (name, ready, scheduled, age, paused, workers) in [
            ("mail", "2", "1", "12.009", "1", "2"), ("later", "0", "1", "0", "0", "0"),
            ("fresh", "0", "0", "0", "0", "1"),
        ] {
            for state in JobState.known {
                expected[#"spanq_queue_jobs{queue="\#(name)",state="\#(state.rawValue)"}"#] = "0"
            }
            expected[#"spanq_queue_jobs{queue="\#(name)",state="ready"}"#] = ready
            expected[#"spanq_queue_jobs{queue="\#(name)",state="scheduled"}"#] = scheduled
            expected[#"spanq_queue_oldest_job_age_seconds{queue="\#(name)",state="ready"}"#] = age
            expected[#"spanq_queue_paused{queue="\#(name)"}"#] = paused
            expected[#"spanq_workers_alive{queue="\#(name)"}"#] = workers
        }
        #expect(await samples(registry) == expected)

        clock.advance(by: .seconds(11))
        let later = await samples(registry)
        #expect(later[#"spanq_workers_alive{queue="mail"}"#] == "0")
        #expect(later[#"spanq_workers_alive{queue="fresh"}"#] == nil)
    }

    @Test("an engine that fails, or hangs, is a 0 and no stale values, and is asked again")
    func failure() async throws {
        let engine = InMemoryEngine(clock: .system)
        let working = try queue(engine)
        try await working.enqueue(type: "t", payload: [])
        let registry = MetricsRegistry()
        try working.registerGauges(on: registry)
        #expect(await samples(registry)["spanq_queue_scrape_success"] == "1")
        #expect(await samples(registry).count > 1)
        await engine.shutdown()
        #expect(await samples(registry) == ["spanq_queue_scrape_success": "0"])

        let hanging = MetricsRegistry()
        let deaf = FailingEngine { try await Task.sleep(for: .seconds(60)) }
        try queue(deaf).registerGauges(on: hanging, deadline: .milliseconds(50))
        let start = ContinuousClock.now
        #expect(await samples(hanging) == ["spanq_queue_scrape_success": "0"])
        #expect(ContinuousClock.now - start < .seconds(10))
    }

    @Test("a second registration is refused")
    func twice() async throws {
        let registry = MetricsRegistry()
        let queue = try JobQueue.testing()
        try queue.registerGauges(on: registry)
        #expect(throws: MetricsError.self) { try queue.registerGauges(on: registry) }
    }

    @Test("of too many queues the first by name are shown, and it is said that there are more")
    func cap() async throws {
        let queue = try JobQueue.testing()
        let requests = (0..<600).map { EnqueueRequest(type: "t", payload: [], options: [.queue("q\(1_000 + $0)")]) }
        _ = try await queue.enqueue(requests)
        let registry = MetricsRegistry()
        try queue.registerGauges(on: registry)
        let samples = await samples(registry)
        #expect(samples.keys.filter { $0.hasPrefix("spanq_queue_paused") }.count == 240)
        // The widest family stays within what any family may have.
        let widest = samples.keys.filter { $0.hasPrefix("spanq_queue_jobs{") }.count
        #expect(widest == 240 * JobState.known.count)
        #expect(widest <= MetricsRegistryConfiguration().maximumSeriesPerFamily)
        #expect(samples[#"spanq_queue_paused{queue="q1239"}"#] == "0")
        #expect(samples[#"spanq_queue_paused{queue="q1240"}"#] == nil)
        #expect(samples["spanq_queue_scrape_success"] == "1")
        #expect(try await SharedGaugesReading.read(queue).omitted.count == 360)
    }
}
