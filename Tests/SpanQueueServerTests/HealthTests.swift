// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HTTPFixture
import ServiceLifecycle
import SpanQueue
import SpanQueueServer
import SpanQueueTelemetry
import SpanQueueTesting
import Synchronization
import Testing

@Suite("Health", .timeLimit(.minutes(1)))
struct HealthTests {
    @Test("without checks a process is alive and ready")
    func none() async throws {
        try await ServerUnderTest.run { test async throws in
            for path in ["/livez", "/readyz"] {
                let answer = try #require(try await test.request(path))
                #expect(answer.status == 200)
                #expect(answer.text == "ok\n")
                #expect(answer.headers["cache-control"] == "no-store")
            }
        }
    }

    @Test("a worker that has not fetched for too long is not alive, until it fetches again; ready is another question")
    func livez() async throws {
        let last = Mutex(ContinuousClock.now - .seconds(3600))
        let limit = Duration.milliseconds(300)
        let health = HealthChecks(live: [
            .recent("worker", within: limit, "no fetch") { last.withLock { $0 } }
        ])
        try await ServerUnderTest.run(health: health) { test async throws in
            // What was before the process began does not count against it.
            #expect(try await eventually { try await test.request("/livez")?.status == 503 })
            let text = try await test.request("/livez")?.text
            #expect(text?.hasPrefix("worker: no fetch for ") == true)
            #expect(text?.hasSuffix(" s, more than 300ms\n") == true)
            #expect(try await test.request("/readyz")?.status == 200)
            last.withLock { $0 = .now + .seconds(60) }
            #expect(try await test.request("/livez")?.status == 200)
        }
    }

    @Test("an engine that refuses or hangs makes a process not ready, in one line and in time")
    func readyz() async throws {
        let failing = try JobQueue(engine: EngineSource { _ in FailingEngine() })
        let hanging = try JobQueue(
            engine: EngineSource { _ in FailingEngine { try await Task.sleep(for: .seconds(60)) } })
        let working = try JobQueue.testing()
        let health = HealthChecks(ready: [
            .engine(working, name: "memory"), .engine(failing),
            .engine(hanging, name: "other", deadline: .milliseconds(50)),
        ])
        try await ServerUnderTest.run(health: health) { test async throws in
            let answer = try #require(try await test.request("/readyz"))
            #expect(answer.status == 503)
            #expect(
                answer.text
                    == "engine: redis://localhost: connection refused second line; other: no answer in time\n")
            #expect(try await test.request("/livez")?.status == 200)
        }
    }

    @Test(
        "a worker without answers is not alive where its engine answers; an outage and a drain are held against nobody")
    func fetching() async throws {
        let isUp = Atomic<Bool>(false)
        let engine = FailingEngine(tellsTime: { isUp.load(ordering: .relaxed) })
        let queue = try JobQueue(engine: EngineSource { _ in engine })
        let last = Mutex<ContinuousClock.Instant?>(nil)
        let health = HealthChecks(live: [
            .fetching(queue, within: .milliseconds(400)) { last.withLock { $0 } }
        ])
        let slow = SlowToStop()
        try await ServerUnderTest.run(health: health, services: [slow]) { test async throws in
            // Away for longer than the limit, with a look now and then, as an orchestrator takes it.
            let away = ContinuousClock.now
            while ContinuousClock.now - away < .milliseconds(800) {
                #expect(try await test.request("/livez")?.status == 200)
            }
            isUp.store(true, ordering: .relaxed)
            #expect(try await eventually { try await test.request("/livez")?.status == 503 })
            #expect(try await test.request("/livez")?.text.hasPrefix("worker: no claim was answered for ") == true)
            last.withLock { $0 = .now + .seconds(60) }
            #expect(try await test.request("/livez")?.status == 200)
            last.withLock { $0 = nil }
            #expect(try await test.request("/livez")?.status == 503)
            await test.group.triggerGracefulShutdown()
            #expect(try await eventually { try await test.request("/readyz")?.text == "draining\n" })
            #expect(try await test.request("/livez")?.status == 200)
            slow.release.finish()
        }
    }

    @Test("an engine that hangs does not make a worker dead, nor a probe wait")
    func hangingEngine() async throws {
        let engine = FailingEngine { try await Task.sleep(for: .seconds(60)) }
        let queue = try JobQueue(engine: EngineSource { _ in engine })
        let health = HealthChecks(live: [.fetching(queue, within: .zero) { nil }])
        try await ServerUnderTest.run(health: health) { test async throws in
            #expect(try await test.request("/livez")?.status == 200)
        }
    }

    @Test("a worker whose only queue is paused goes on asking, and stays alive")
    func paused() async throws {
        let queue = try JobQueue(engine: .inMemory(), telemetry: JobTelemetry())
        var configuration = WorkerConfiguration()
        configuration.idleWait = .milliseconds(20)
        let worker = try Worker(queue, configuration)
        try worker.handle("*") { _, _ in }
        // A queue begins with its first job.
        try await queue.enqueue(type: "t", payload: [])
        try await queue.pause("default")
        let running = Task { try await worker.run() }
        let later = ContinuousClock.now + .milliseconds(300)
        #expect(await eventually { queue.telemetry.lastContact.map { $0 > later } ?? false })
        worker.drain()
        try await running.value
    }

    @Test("a check that heeds no cancellation is not started again while it hangs")
    func deaf() async throws {
        let runs = Atomic<Int>(0)
        let (stream, release) = AsyncStream<Void>.makeStream()
        let health = HealthChecks(live: [
            HealthCheck("deaf", deadline: .milliseconds(20)) {
                runs.add(1, ordering: .relaxed)
                let waiter = Task { for await _ in stream {} }
                await waiter.value
                return nil
            }
        ])
        try await ServerUnderTest.run(health: health) { test async throws in
            for _ in 0..<5 { #expect(try await test.request("/livez")?.status == 503) }
            #expect(runs.load(ordering: .relaxed) == 1)
            release.finish()
            #expect(try await eventually { try await test.request("/livez")?.status == 200 })
        }
    }

    @Test("while others stop, /readyz says 503 and /metrics answers, until the end")
    func drain() async throws {
        let slow = SlowToStop()
        var limits = ConnectionLimits()
        limits.closingTimeout = .seconds(15)
        let port = try await ServerUnderTest.run(limits: limits, services: [slow]) { test async throws in
            #expect(try await test.request("/readyz")?.status == 200)
            let open = try RawClient(port: test.port)
            open.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(await open.readAnswer()?.status == 200)
            await test.group.triggerGracefulShutdown()
            #expect(try await eventually { try await test.request("/readyz")?.status == 503 })
            #expect(try await test.request("/readyz")?.text == "draining\n")
            #expect(try await test.request("/metrics")?.status == 200)
            #expect(try await test.request("/livez")?.status == 200)
            slow.release.finish()
            // The connection that waits for a request is closed, and does not hold up the stop.
            let stopped = ContinuousClock.now
            #expect(await open.readToEnd().isEmpty)
            #expect(ContinuousClock.now - stopped < .seconds(10))
            return test.port
        }
        #expect(throws: RawClient.Refused.self) { try RawClient(port: port) }
    }
}

/// A service that stops when the test says so.
private final class SlowToStop: Service {
    let release: AsyncStream<Void>.Continuation
    private let stream: AsyncStream<Void>

    init() {
        (stream, release) = AsyncStream<Void>.makeStream()
    }

    func run() async throws {
        for await _ in stream {}
    }
}
