// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import NIOConcurrencyHelpers
import Synchronization
import Testing

@testable import SpanQueueLoop

@Suite("The loop's thread", .timeLimit(.minutes(1)))
struct LoopThreadTests {
    private actor Counter {
        let loop: LoopThread
        private(set) var count = 0
        nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

        init(loop: LoopThread) { self.loop = loop }

        func add() -> Bool {
            count += 1
            return loop.isCurrent
        }
    }

    @Test("an actor of a loop runs on its thread, one job at a time")
    func confinement() async {
        let loop = LoopThread(name: "test")
        defer { loop.stop() }
        let counter = Counter(loop: loop)
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<1000 { group.addTask { await counter.add() } }
            for await isOnLoop in group { #expect(isOnLoop) }
        }
        #expect(await counter.count == 1000)
        #expect(!loop.isCurrent)
    }

    @Test("a task that prefers the loop stays on it across suspensions")
    func taskExecutor() async {
        let loop = LoopThread(name: "test")
        defer { loop.stop() }
        let stayed = await Task(executorPreference: loop) {
            let before = loop.isCurrent
            try? await loop.sleep(for: .milliseconds(2))
            return before && loop.isCurrent
        }.value
        #expect(stayed)
    }

    @Test("the loop goes on while every cooperative thread is blocked")
    func blockedPool() async {
        let loop = LoopThread(name: "test")
        defer { loop.stop() }
        let beats = Tally()
        let heart = Task(executorPreference: loop) {
            while !Task.isCancelled {
                try? await loop.sleep(for: .milliseconds(1))
                beats.add()
            }
        }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<ProcessInfo.processInfo.activeProcessorCount * 2 {
                group.addTask {
                    let start = beats.count
                    while beats.count < start + 5 { usleep(1000) }
                }
            }
        }
        heart.cancel()
        await heart.value
        #expect(beats.count >= 5)
    }

    @Test("a sleeper wakes after its time, and a cancelled one at once with CancellationError")
    func sleeping() async throws {
        let loop = LoopThread(name: "test")
        defer { loop.stop() }
        let start = ContinuousClock.now
        try await loop.sleep(for: .milliseconds(20))
        #expect(start.duration(to: .now) >= .milliseconds(20))
        try await loop.sleep(for: .seconds(-1))

        let sleeper = Task { try await loop.sleep(for: .seconds(3600)) }
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
    }

    @Test("10,000 sleepers cancelled at any moment each wake exactly once and leave nothing behind")
    func cancellationRace() async {
        let loop = LoopThread(name: "test")
        defer { loop.stop() }
        let woken = Tally()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<10_000 {
                group.addTask {
                    let task = Task { try await loop.sleep(for: .microseconds(index % 300)) }
                    if index % 2 == 0 { await Task.yield() }
                    task.cancel()
                    _ = await task.result
                    woken.add()
                }
            }
        }
        #expect(woken.count == 10_000)
        let left = await withCheckedContinuation { continuation in
            loop.execute { continuation.resume(returning: loop.timers.pendingCount + loop.sleepers.count) }
        }
        #expect(left == 0)
    }

    @Test("a stopped loop wakes its sleepers, ends, and runs a late job all the same")
    func stopping() async throws {
        let loop = LoopThread(name: "test")
        let counter = Counter(loop: loop)
        let sleeper = Task { try await loop.sleep(for: .seconds(3600)) }
        _ = await counter.add()
        loop.stop()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
        while loop.inbox.withLockedValue({ $0.hasThread }) { await Task.yield() }
        #expect(await counter.add())
        #expect(await counter.count == 2)
    }

    /// The race is a narrow one: it takes many tries, and more threads than processors.
    @Test("a job may let go of the last hold on its loop while the thread that submitted it is still at it")
    func lastHold() async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<4000 {
                        let counter = Counter(loop: LoopThread(name: "test"))
                        counter.loop.stop()
                        #expect(await counter.add())
                        #expect(await counter.count == 1)
                    }
                }
            }
        }
    }

    @Test("an idle loop takes no processor time")
    func idle() async throws {
        let loop = LoopThread(name: "test")
        defer { loop.stop() }
        try await loop.sleep(for: .milliseconds(1))
        let used = await processorTime(of: loop)
        let later = Task { try await loop.sleep(for: .seconds(3600)) }
        try await Task.sleep(for: .milliseconds(300))
        let usedLater = await processorTime(of: loop)
        later.cancel()
        #expect(usedLater - used < .milliseconds(5))
    }

    @Test("a source is told what its descriptor is ready for, and beforePoll comes before each poll")
    func sources() async {
        let loop = LoopThread(name: "test")
        defer { loop.stop() }
        let text = await withCheckedContinuation { continuation in
            loop.execute {
                let pipe = Pipe()
                let source = PipeSource(pipe: pipe, loop: loop) { continuation.resume(returning: $0) }
                loop.add(source)
            }
        }
        #expect(text == "written by beforePoll")
    }

    private func processorTime(of loop: LoopThread) async -> Duration {
        await withCheckedContinuation { continuation in
            loop.execute {
                var time = timespec()
                clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
                continuation.resume(returning: .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec))
            }
        }
    }
}

private final class Tally: Sendable {
    private let value = Atomic<Int>(0)
    var count: Int { value.load(ordering: .relaxed) }

    func add() { value.add(1, ordering: .relaxed) }
}

private final class PipeSource: LoopSource {
    let pipe: Pipe
    let loop: LoopThread
    let completion: (String) -> Void
    var interest: LoopInterest = .read
    private var isWritten = false
    var descriptor: Int32 { pipe.fileHandleForReading.fileDescriptor }

    init(pipe: Pipe, loop: LoopThread, completion: @escaping (String) -> Void) {
        self.pipe = pipe
        self.loop = loop
        self.completion = completion
    }

    func beforePoll() {
        guard !isWritten else { return }
        isWritten = true
        pipe.fileHandleForWriting.write(Data("written by beforePoll".utf8))
    }

    func ready(readable: Bool, writable: Bool) {
        completion(String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self))
        loop.remove(self)
    }
}
