// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Dispatch
import Foundation
import SpanQueue
import SpanQueueLoop
import Synchronization
import Testing

/// The rule of executors, see `EngineCore`: what keeps a lease alive must come back while handlers block every thread of the pool.
@Suite("executors", .timeLimit(.minutes(2)))
struct ExecutorTests {
    /// As a worker is: on a thread of its own.
    private actor Caller {
        nonisolated let thread = LoopThread(name: "spanq-test")
        nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

        /// Makes the calls of a worker, and tells of each that came back.
        func work(
            _ bench: Bench, _ claimed: ClaimedJob, waits: Bool, isBlocked: @Sendable () -> Bool,
            cameBack: @Sendable (String) -> Void
        ) async throws {
            while !isBlocked() { try await thread.sleep(for: .milliseconds(2)) }
            let engine = bench.engine
            _ = try await engine.now()
            cameBack("now")
            let worker = WorkerInfo(
                id: "w", host: "h", pid: 1, queues: [bench.queue], concurrency: 1, busy: 0,
                startedAt: Timestamp(milliseconds: 0), version: "1")
            try await engine.announce(worker, lifetime: .seconds(30))
            cameBack("announce")
            let request = ClaimRequest(queue: bench.queue, limit: 1, lease: .seconds(30), worker: "worker-1")
            let next = try await engine.claim([request])[0].get().jobs
            cameBack("claim")
            for job in [claimed] + next {
                _ = try await engine.extend([job.reference], in: bench.queue, by: .seconds(30))
                cameBack("extend")
                #expect(try await engine.report(JobProgress(fraction: 0.5, note: ""), on: job))
                cameBack("report")
                #expect(try await engine.settleAll([Settlement(job, .complete)]) == [.settled])
                cameBack("settle")
            }
            try await engine.retire(workerID: "w")
            guard waits else { return }
            try await engine.waitForWork(in: [bench.queue], atMost: .milliseconds(20))
            cameBack("waitForWork")
        }
    }

    @Test("a worker's calls come back while every thread of the pool is blocked", arguments: EngineUnderTest.direct)
    func blocked(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let claimed = try await bench.acceptAndClaim()
            _ = try await bench.accept()
            let caller = Caller()
            let pool = BlockedPool()
            let calls = Mutex<[String]>([])
            // A wait by the manual clock's engine is a sleep of the task.
            let waits = subject.name != "memory"
            let work = Task(executorPreference: caller.thread) {
                defer { pool.done.signal() }
                try await caller.work(
                    bench, claimed, waits: waits, isBlocked: { pool.isBlocked.load(ordering: .acquiring) },
                    cameBack: { call in calls.withLock { $0.append(call) } })
            }
            let isDone = await pool.blocked()
            #expect(isDone, "stuck after \(calls.withLock { $0 })")
            try await work.value
            let perJob = ["extend", "report", "settle"]
            #expect(
                calls.withLock { $0 }
                    == ["now", "announce", "claim"] + perJob + perJob + (waits ? ["waitForWork"] : []))
            caller.thread.stop()
        }
    }
}

/// Holds every thread of the pool, as handlers do that call a library which blocks.
///
/// `@unchecked Sendable`: atomics, and semaphores, which are for use from many threads.
private final class BlockedPool: @unchecked Sendable {
    let isBlocked = Atomic(false)
    /// To be signalled by what must come to its end meanwhile.
    let done = DispatchSemaphore(value: 0)
    private let held = Atomic(0)
    private let release = DispatchSemaphore(value: 0)

    /// Blocks the pool until `done`, and says whether that came within half a minute.
    func blocked() async -> Bool {
        let threads = ProcessInfo.processInfo.activeProcessorCount
        return await withCheckedContinuation { continuation in
            // Not from a task: it would be one of those that have no thread.
            Thread.detachNewThread { [self] in
                for _ in 0..<threads * 2 { Task { hold() } }
                while held.load(ordering: .relaxed) < threads { usleep(1_000) }
                isBlocked.store(true, ordering: .releasing)
                let isDone = done.wait(timeout: .now() + 30) == .success
                for _ in 0..<threads * 2 { release.signal() }
                continuation.resume(returning: isDone)
            }
        }
    }

    private func hold() {
        held.add(1, ordering: .relaxed)
        release.wait()
    }
}
