// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import SpanQueueTelemetry
import SpanQueueTesting
import Synchronization
import Testing

@testable import SpanQueue

/// A real worker on an engine that fails and blocks by a script.
@Suite("A worker whose engine fails or blocks", .timeLimit(.minutes(2)))
struct WorkerOnScriptTests {
    private static let refusal = SpanQueueError(.unavailable, "refused by the script", mayHaveRun: true)

    private static func configuration(_ queues: [String], concurrency: Int = 4) -> WorkerConfiguration {
        var configuration = WorkerConfiguration(concurrency: concurrency, lease: .seconds(30))
        configuration.selection = .weighted(queues.map { ($0, 1) })
        configuration.idleWait = .milliseconds(50)
        configuration.drainTimeout = .milliseconds(100)
        return configuration
    }

    @Test("a claim that fails once while runOnce has a handler running cancels nothing and is tried again")
    func onceSurvivesAClaim() async throws {
        let claims = Mutex(0)
        let failed = Mutex(false)
        let engine = ScriptedEngine { call, _ in
            guard call == .claim else { return }
            let number = claims.withLock { claims in
                claims += 1
                return claims
            }
            if number == 2 {
                failed.withLock { $0 = true }
                throw Self.refusal
            }
        }
        let queue = try engine.queue()
        let worker = try Worker(queue, Self.configuration(["q"]))
        let wasCancelled = Mutex(false)
        // Its end has the worker claim for the second time.
        try worker.handle("quick") { _, _ in }
        try worker.handle("t") { _, _ in
            while !failed.withLock({ $0 }) { try? await Task.sleep(for: .milliseconds(2)) }
            // Long enough for a worker that gives up to cancel it.
            do { try await Task.sleep(for: .milliseconds(200)) } catch { wasCancelled.withLock { $0 = true } }
        }
        try await queue.enqueue(type: "t", payload: [], .queue("q"))
        try await queue.enqueue(type: "quick", payload: [], .queue("q"))
        let summary = try await worker.runOnce()
        #expect(summary[.completed] == 2)
        #expect(!wasCancelled.withLock { $0 })
    }

    @Test("runOnce can be stopped while the engine takes no settlement")
    func onceCanBeStopped() async throws {
        let attempts = Mutex(0)
        let engine = ScriptedEngine { call, _ in
            guard call == .settle else { return }
            attempts.withLock { $0 += 1 }
            throw Self.refusal
        }
        let queue = try engine.queue()
        let worker = try Worker(queue, Self.configuration(["q"]))
        try worker.handle("t") { _, _ in }
        try await queue.enqueue(type: "t", payload: [], .queue("q"))
        let run = Task { try await worker.runOnce() }
        try await eventually("a refused settlement") { attempts.withLock { $0 } > 1 }
        worker.drain()
        let summary = try await run.value
        #expect(summary[.completed] == 0)
    }

    @Test("a queue that cannot be settled does not hold up the settlements of another")
    func settlesApart() async throws {
        let refused = Mutex(0)
        let engine = ScriptedEngine { call, queues in
            guard call == .settle, queues.contains("bad") else { return }
            refused.withLock { $0 += 1 }
            throw Self.refusal
        }
        let telemetry = JobTelemetry()
        let queue = try engine.queue(telemetry: telemetry)
        let worker = try Worker(queue, Self.configuration(["bad", "good"], concurrency: 2))
        try worker.handle("t") { _, _ in }
        try await queue.enqueue(type: "t", payload: [], .queue("bad"))
        let run = Task { try await worker.run() }
        try await eventually("a refused settlement") { refused.withLock { $0 } > 0 }
        for _ in 0..<20 { try await queue.enqueue(type: "t", payload: [], .queue("good")) }
        try await eventually("the other queue's settlements") {
            try await engine.engine.counts(of: ["good"]).first?[.completed] == 20
        }
        #expect(telemetry.metrics.unsettled.child("bad").value == 1)
        #expect(telemetry.metrics.unsettled.child("good").value == 0)
        worker.drain()
        try await run.value
    }

    @Test("a queue whose settlements block forever does not hold up another, nor the end of the drain")
    func settlementBlocks() async throws {
        let isBlocked = Mutex(false)
        let engine = ScriptedEngine { call, queues in
            guard call == .settle, queues.contains("bad") else { return }
            isBlocked.withLock { $0 = true }
            await Self.never()
        }
        let queue = try engine.queue()
        let worker = try Worker(queue, Self.configuration(["bad", "good"], concurrency: 2))
        try worker.handle("t") { _, _ in }
        try await queue.enqueue(type: "t", payload: [], .queue("bad"))
        let run = Task { try await worker.run() }
        try await eventually("a settlement that blocks") { isBlocked.withLock { $0 } }
        try await queue.enqueue(type: "t", payload: [], .queue("good"))
        try await eventually("the other queue's settlement") {
            try await engine.engine.counts(of: ["good"]).first?[.completed] == 1
        }
        worker.drain()
        try await run.value
    }

    @Test(
        "whatever call blocks forever, a drain comes to its end",
        arguments: [
            ScriptedEngine.Call.claim, .extend, .settle, .reclaim, .wait, .passWakeUp, .sweep, .announce, .retire,
        ])
    func drainEnds(call blocked: ScriptedEngine.Call) async throws {
        let seen = Mutex<Set<ScriptedEngine.Call>>([])
        let engine = ScriptedEngine { call, _ in
            seen.withLock { _ = $0.insert(call) }
            if call == blocked { await Self.never() }
        }
        let queue = try engine.queue()
        var configuration = Self.configuration(["q"], concurrency: 1)
        configuration.lease = .milliseconds(300)
        let worker = try Worker(queue, configuration)
        let isDraining = Mutex(false)
        try worker.handle("t") { _, _ in
            while !isDraining.withLock({ $0 }) { try? await Task.sleep(for: .milliseconds(5)) }
        }
        if blocked != .wait { try await queue.enqueue(type: "t", payload: [], .queue("q")) }
        let run = Task { try await worker.run() }
        switch blocked {
        case .claim, .extend, .reclaim, .wait, .announce:
            try await eventually("the call that blocks") { seen.withLock { $0.contains(blocked) } }
        case .start, .shutdown, .report, .job, .settle, .sweep, .passWakeUp, .retire:
            try await eventually("a call") { seen.withLock { $0.contains(.claim) } }
        }
        isDraining.withLock { $0 = true }
        worker.drain()
        try await run.value
    }

    @Test("jobs with short leases start although another queue's claim, of the same turn, is never answered")
    func claimBlocks() async throws {
        let isBlocked = Mutex(false)
        let engine = ScriptedEngine { call, queues in
            guard call == .claim, queues.contains("bad") else { return }
            isBlocked.withLock { $0 = true }
            await Self.never()
        }
        let queue = try engine.queue()
        var configuration = Self.configuration(["bad", "good"])
        configuration.lease = .milliseconds(14_900)
        let worker = try Worker(queue, configuration)
        try worker.handle("t") { _, _ in }
        let receipt = try await queue.enqueue(type: "t", payload: [], .queue("good"))
        let run = Task { try await worker.run() }
        try await eventually("a claim that blocks") { isBlocked.withLock { $0 } }
        try await eventually("the other queue's job") { try await queue.job(receipt.id)?.state == .completed }
        worker.drain()
        try await run.value
    }

    @Test("a wake-up that a cancelled wait may have taken is handed on at once, by a call that is not cancelled itself")
    func handsWakeUpOn() async throws {
        let isWaiting = Mutex(false)
        let handed = Mutex<[Bool]>([])
        let engine = ScriptedEngine { call, _ in
            if call == .wait { isWaiting.withLock { $0 = true } }
            if call == .passWakeUp {
                let isCancelled = Task.isCancelled
                handed.withLock { $0.append(isCancelled) }
            }
        }
        let queue = try engine.queue()
        var configuration = Self.configuration(["q"])
        configuration.drainTimeout = .seconds(60)
        configuration.idleWait = .seconds(60)
        let worker = try Worker(queue, configuration)
        let mayEnd = Mutex(false)
        try worker.handle("t") { _, _ in
            while !mayEnd.withLock({ $0 }) { try? await Task.sleep(for: .milliseconds(5)) }
        }
        try await queue.enqueue(type: "t", payload: [], .queue("q"))
        let run = Task { try await worker.run() }
        try await eventually("a wait") { isWaiting.withLock { $0 } }
        worker.drain()
        try await eventually("a handed-on wake-up") { handed.withLock { !$0.isEmpty } }
        #expect(handed.withLock { $0 } == [false])
        mayEnd.withLock { $0 = true }
        try await run.value
    }

    @Test("jobs of a claim that is answered after the drain began are released and not started")
    func lateClaim() async throws {
        let isHeld = Mutex(false)
        let mayGo = Mutex(false)
        let engine = ScriptedEngine { call, _ in
            guard call == .claim, !isHeld.withLock({ $0 }) else { return }
            isHeld.withLock { $0 = true }
            while !mayGo.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(2)) }
        }
        let queue = try engine.queue()
        var configuration = Self.configuration(["q"])
        configuration.drainTimeout = .seconds(60)
        let worker = try Worker(queue, configuration)
        let starts = Mutex(0)
        try worker.handle("t") { _, _ in starts.withLock { $0 += 1 } }
        let receipt = try await queue.enqueue(type: "t", payload: [], .queue("q"))
        let run = Task { try await worker.run() }
        try await eventually("a claim") { isHeld.withLock { $0 } }
        worker.drain()
        // The drain is posted to the worker's thread before what follows.
        try await Task.sleep(for: .milliseconds(20))
        mayGo.withLock { $0 = true }
        try await run.value
        #expect(starts.withLock { $0 } == 0)
        let job = try #require(try await engine.job(receipt.id, in: "q"))
        #expect(job.state == .ready)
        #expect(job.run.attempts == 0)
    }

    @Test("a claim that fails beside one that works is counted and logged as what it is")
    func failedBesideWorking() async throws {
        let engine = ScriptedEngine { call, queues in
            if call == .claim, queues.contains("bad") { throw Self.refusal }
        }
        let telemetry = JobTelemetry()
        let lines = LogLines()
        let queue = try engine.queue(telemetry: telemetry, logger: Logger(label: "test") { _ in lines })
        let worker = try Worker(queue, Self.configuration(["bad", "good"]))
        try worker.handle("t") { _, _ in }
        for name in ["bad", "good"] { try await queue.enqueue(type: "t", payload: [], .queue(name)) }
        let run = Task { try await worker.run() }
        func claims(_ queue: String, _ result: String) -> Int64 {
            telemetry.metrics.claims.child(queue, result).value
        }
        // The first is asked for both; the others are probes.
        try await eventually("failures and claims") { claims("bad", "error") > 2 && claims("good", "empty") > 0 }
        worker.drain()
        try await run.value
        #expect(claims("bad", "empty") == 0 && claims("bad", "hit") == 0)
        #expect(claims("good", "error") == 0 && claims("good", "hit") == 1)
        // Said once, of the queue that fails alone.
        let said = lines.all.filter { $0.contains("can't claim") }
        #expect(said.count == 1 && said[0].contains("queues=bad "), "\(said)")
    }

    // MARK: What comes before run() and during it

    @Test("a drain before run() is heeded by the next run, and only by that")
    func drainBeforeRun() async throws {
        let engine = ScriptedEngine { _, _ in }
        let queue = try engine.queue()
        let worker = try Worker(queue, Self.configuration(["q"]))
        try worker.handle("t") { _, _ in }
        try await queue.enqueue(type: "t", payload: [], .queue("q"))
        worker.drain()
        try await worker.run()
        #expect(try await engine.counts(of: ["q"]).first?[.ready] == 1)
        #expect(try await worker.runOnce()[.completed] == 1)
    }

    @Test("handlers and middleware that come while the worker runs are refused, and taken after it")
    func tooLate() async throws {
        let isClaiming = Mutex(false)
        let engine = ScriptedEngine { call, _ in if call == .claim { isClaiming.withLock { $0 = true } } }
        let queue = try engine.queue()
        let worker = try Worker(queue, Self.configuration(["q"]))
        let run = Task { try await worker.run() }
        try await eventually("a claim") { isClaiming.withLock { $0 } }
        #expect { try worker.handle("late") { _, _ in } } throws: { ($0 as? SpanQueueError)?.code == .invalidState }
        #expect { try worker.use { _, next in try await next() } } throws: {
            ($0 as? SpanQueueError)?.code == .invalidState
        }
        worker.drain()
        try await run.value
        try worker.handle("late") { _, _ in }
    }

    /// An engine's call that never returns, and does not heed its cancellation.
    private static func never() async {
        await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
    }
}

/// A log handler that keeps what it is told, metadata in order of their names.
private struct LogLines: LogHandler {
    private final class Store: Sendable { let lines = Mutex<[String]>([]) }

    private let store = Store()
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info
    var all: [String] { store.lines.withLock { $0 } }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let pairs = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        store.lines.withLock { $0.append("\(event.message) \(pairs.joined(separator: " ")) ") }
    }
}
