// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import SpanQueueTelemetry
import SpanQueueTesting
import Synchronization
import Testing

@testable import SpanQueue

/// Handlers as a worker starts them: many by one task of the pool.
@Suite("Jobs in the hands of handlers", .timeLimit(.minutes(2)))
struct HandedJobTests {
    private func withWorker(
        concurrency: Int = 4, _ body: (Worker, JobQueue) async throws -> Void
    ) async throws {
        let queue = try ScriptedEngine { _, _ in }.queue()
        let worker = try Worker(queue, WorkerConfiguration(concurrency: concurrency))
        try await body(worker, queue)
        await queue.shutdown()
    }

    /// Until something is so, on the thread of the caller, which does nothing else meanwhile; ten seconds at most.
    private static func block(until condition: () -> Bool) -> Bool {
        let end = ContinuousClock.now + .seconds(10)
        while !condition() {
            guard ContinuousClock.now < end else { return false }
            usleep(1000)
        }
        return true
    }

    @Test(
        "a handler that blocks its thread holds up none of its group while the pool has another",
        .enabled(if: ProcessInfo.processInfo.activeProcessorCount > 1))
    func blocked() async throws {
        try await withWorker { worker, queue in
            let quick = Mutex(0)
            let saw = Mutex(false)
            try worker.handle("block") { _, _ in
                let isFree = Self.block { quick.withLock { $0 == 3 } }
                saw.withLock { $0 = isFree }
            }
            try worker.handle("quick") { _, _ in quick.withLock { $0 += 1 } }
            for type in ["block", "quick", "quick", "quick"] { try await queue.enqueue(type: type, payload: []) }
            let summary = try await worker.runOnce()
            #expect(summary[.completed] == 4)
            #expect(saw.withLock { $0 })
        }
    }

    @Test("what ended before a handler that blocks its thread is settled while that runs")
    func settledBefore() async throws {
        try await withWorker { worker, queue in
            let saw = Mutex(false)
            let settled = Mutex(false)
            try worker.handle("quick") { _, _ in }
            try worker.handle("block") { _, _ in
                let isSettled = Self.block { settled.withLock { $0 } }
                saw.withLock { $0 = isSettled }
            }
            for type in ["quick", "quick", "block"] { try await queue.enqueue(type: type, payload: []) }
            async let summary = worker.runOnce()
            try await eventually("two settlements") {
                try await queue.engine.counts(of: ["default"]).first?[.completed] == 2
            }
            settled.withLock { $0 = true }
            #expect(try await summary[.completed] == 3)
            #expect(saw.withLock { $0 })
        }
    }

    @Test("a handler that is never suspended sees that it is cancelled")
    func cancelled() async throws {
        try await withWorker { worker, queue in
            let saw = Mutex(false)
            try worker.handle("spin") { _, _ in
                let isCancelled = Self.block { Task.isCancelled }
                saw.withLock { $0 = isCancelled }
                try Task.checkCancellation()
            }
            try await queue.enqueue(type: "spin", payload: [], .timeout(.milliseconds(50)), .maxRetries(0))
            _ = try await worker.runOnce()
            #expect(saw.withLock { $0 })
        }
    }

    private func job() -> HandedJob {
        let message = JobMessage(
            id: "job", queue: "q", type: "t", payload: [], priority: 0, maxRetries: 0, backoff: nil, timeout: nil,
            deadline: nil, unique: nil, retention: .standard, tags: [], trace: .root(), runAt: nil,
            enqueuedAt: Timestamp(milliseconds: 0), contentDigest: nil)
        let reference = ClaimReference(id: "job", queue: "q", token: FencingToken(value: 5, nonce: 1), worker: "w")
        let claim = ClaimedJob(
            message: message, run: RunRecord(), reference: reference, claimedAt: Timestamp(milliseconds: 0))
        let environment = JobContext.Environment(
            engine: InMemoryEngine(), limits: Limits(), logger: Logger(label: "test"))
        return HandedJob(1, JobContext(claim, environment, trace: .root()), in: nil, claimedAt: .now)
    }

    @Test("a job that is cancelled before its handler begins never begins, and one that has ended cancels nothing")
    func early() async throws {
        let starts = Mutex(0)
        var handlers = HandlerRegistry()
        try handlers.register("t", .init(retryPolicy: nil) { _, _ in starts.withLock { $0 += 1 } })
        let runner = AttemptRunner(handlers: handlers, middleware: [])
        let early = job()
        #expect(!early.cancel())
        guard case .notStarted = await Task(operation: { await early.run(runner) }).value.result else {
            Issue.record("it was started")
            return
        }
        #expect(starts.withLock { $0 } == 0)
        let late = job()
        let task = Task {
            let attempt = await late.run(runner)
            let hadBegun = late.cancel()
            return (attempt, hadBegun, Task.isCancelled)
        }
        let (attempt, hadBegun, isCancelled) = await task.value
        guard case .returned = attempt.result else {
            Issue.record("\(attempt.result)")
            return
        }
        #expect(hadBegun)
        #expect(!isCancelled)
    }

    /// Handlers that keep all threads of the pool for 300 ms; where something is to be done then, until they are cancelled and that long.
    private func blockThreads(_ worker: Worker, _ queue: JobQueue, when isStarted: (@Sendable () -> Void)? = nil)
        async throws
    {
        let threads = ProcessInfo.processInfo.activeProcessorCount
        let started = Mutex(0)
        try worker.handle("block") { _, _ in
            started.withLock { $0 += 1 }
            // All threads are taken when all have started.
            guard Self.block(until: { started.withLock { $0 == threads } }) else { return }
            if let isStarted {
                isStarted()
                _ = Self.block { Task.isCancelled }
            }
            usleep(300_000)
        }
        for _ in 0..<threads { try await queue.enqueue(type: "block", payload: []) }
    }

    @Test("a timeout counts from when the handler begins, however long it waited for a thread")
    func timeoutOfWaiting() async throws {
        let threads = ProcessInfo.processInfo.activeProcessorCount
        try await withWorker(concurrency: threads + 1) { worker, queue in
            let left = Mutex(Duration.zero)
            try await blockThreads(worker, queue)
            try worker.handle("late") { _, context in
                let deadline = try #require(context.deadline)
                left.withLock { $0 = deadline - context.claimedAt }
                try Task.checkCancellation()
            }
            try await queue.enqueue(type: "late", payload: [], .timeout(.milliseconds(250)), .maxRetries(0))
            let summary = try await worker.runOnce()
            #expect(summary[.completed] == threads + 1)
            #expect(left.withLock { $0 } >= .milliseconds(300))
        }
    }

    @Test("a job that still waits for a thread when the drain is over is released and never begins")
    func drainOfWaiting() async throws {
        let threads = ProcessInfo.processInfo.activeProcessorCount
        let queue = try ScriptedEngine { _, _ in }.queue()
        var configuration = WorkerConfiguration(concurrency: threads + 1)
        configuration.drainTimeout = .milliseconds(50)
        configuration.cancellationGrace = .seconds(10)
        let worker = try Worker(queue, configuration)
        let starts = Mutex(0)
        try await blockThreads(worker, queue) { worker.drain() }
        try worker.handle("late") { _, _ in starts.withLock { $0 += 1 } }
        let receipt = try await queue.enqueue(type: "late", payload: [])
        _ = try await worker.run()
        #expect(starts.withLock { $0 } == 0)
        let job = try #require(try await queue.job(receipt.id))
        #expect(job.state == .ready)
        #expect(job.attempt == 0)
        await queue.shutdown()
    }

    @Test("a job whose deadline passes while it waits for a thread is not run")
    func deadlineOfWaiting() async throws {
        let threads = ProcessInfo.processInfo.activeProcessorCount
        try await withWorker(concurrency: threads + 1) { worker, queue in
            let starts = Mutex(0)
            try await blockThreads(worker, queue)
            try worker.handle("late") { _, _ in starts.withLock { $0 += 1 } }
            let receipt = try await queue.enqueue(
                type: "late", payload: [], .deadline(after: .milliseconds(200)))
            _ = try await worker.runOnce()
            let state = try await queue.job(receipt.id)?.state
            // A slow machine may claim it too late.
            #expect(state == .dead)
            #expect(starts.withLock { $0 } == 0)
        }
    }

    @Test("handlers have the task-local values of their worker's run")
    func taskLocals() async throws {
        try await withWorker(concurrency: 10) { worker, queue in
            let values = Mutex<[Int]>([])
            try worker.handle("t") { _, _ in
                values.withLock { $0.append(Local.value) }
                // So that some are started by a starter of their own.
                usleep(3000)
            }
            for _ in 0..<20 { try await queue.enqueue(type: "t", payload: []) }
            try await Local.$value.withValue(7) { _ = try await worker.runOnce() }
            #expect(values.withLock { $0 } == [Int](repeating: 7, count: 20))
        }
    }

    private enum Local {
        @TaskLocal static var value = 0
    }
}
