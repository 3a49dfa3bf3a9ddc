// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Synchronization
import Testing

extension Bench {
    /// Waits for work in a task of its own while `change` is made; hangs, and so fails by the time limit, where the change
    /// wakes nobody.
    func wait(atMost limit: Duration = .hours(1), while change: () async throws -> Void) async throws {
        async let waiting: Void = engine.waitForWork(in: [queue], atMost: limit)
        // The waiter may or may not have begun by now: either way it must not miss the change.
        try await pass(.milliseconds(30))
        try await change()
        try await waiting
    }

    /// Works as an idle worker does, on nothing but claims and waits, until it has a job. Time passes meanwhile.
    func workUntilClaimed(longestWait: Duration = .seconds(30)) async throws -> ClaimedJob {
        try await whileTimePasses {
            while true {
                let reply = try await claim(1)
                if let job = reply.jobs.first { return job }
                let wait = min(longestWait, reply.nextDueIn ?? longestWait)
                try await engine.waitForWork(in: [queue], atMost: wait)
            }
        }
    }

    /// Lets time pass, a few milliseconds after another, until `body` returns.
    func whileTimePasses<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result
    {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                while !Task.isCancelled {
                    try await pass(.milliseconds(5))
                    await Task.yield()
                }
                return nil
            }
            defer { group.cancelAll() }
            return try #require(try await group.next() ?? nil)
        }
    }
}

@Suite("wait", .timeLimit(.minutes(1)))
struct WaitTests {
    @Test("a wait where there is work returns at once", arguments: EngineUnderTest.direct)
    func atOnce(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            _ = try await bench.accept()
            try await bench.engine.waitForWork(in: [bench.queue + "-b", bench.queue], atMost: .hours(1))
            #expect(try await bench.claim().jobs.count == 1)
        }
    }

    @Test("a wait without work ends after its limit", arguments: EngineUnderTest.direct)
    func limit(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let start = try await bench.claim().now
            try await bench.whileTimePasses {
                try await bench.engine.waitForWork(in: [bench.queue], atMost: .milliseconds(100))
            }
            #expect(try await bench.claim().now - start >= .milliseconds(90))
        }
    }

    @Test("whatever makes a job claimable wakes who waits", arguments: EngineUnderTest.direct)
    func wakes(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            try await bench.wait { _ = try await bench.accept() }
            let first = try await bench.claimOne()
            try await bench.wait { _ = try await bench.settle(first, .release) }
            let second = try await bench.claimOne(lease: .milliseconds(50))
            try await bench.wait {
                try await bench.pass(.milliseconds(100))
                _ = try await bench.reclaim()
            }
            let third = try await bench.claimOne()
            try await bench.settle(third, .bury(.permanent))
            try await bench.wait { _ = try await bench.perform(.redrive, on: second.message.id) }
            try await bench.settle(try await bench.claimOne(), .bury(.permanent))
            let redrive = BulkRequest(queue: bench.queue, state: .dead, action: .redrive)
            try await bench.wait { _ = try await bench.engine.performAll(redrive) }
            try await bench.settle(try await bench.claimOne(), .retry(after: .zero))
            try await bench.engine.waitForWork(in: [bench.queue], atMost: .hours(1))
            #expect(try await bench.claim().jobs.count == 1)
            try await bench.wait { _ = try await bench.accept(bench.job(priority: 3)) }
        }
    }

    @Test("a worker that waits starts a delayed job at its time", arguments: EngineUnderTest.direct)
    func delayed(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            _ = try await bench.accept(bench.job(schedule: .after(.milliseconds(200))))
            let job = try await bench.workUntilClaimed()
            #expect(job.wait < .seconds(5))
            try await bench.settle(job, .retry(after: .milliseconds(100)))
            let again = try await bench.workUntilClaimed()
            #expect(again.attempt == 2)
            #expect(again.wait < .seconds(5))
        }
    }

    @Test("a job that is due before what a worker waits for wakes it", arguments: EngineUnderTest.direct)
    func earlier(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            _ = try await bench.accept(bench.job(schedule: .after(.hours(2))))
            _ = try await bench.claim()
            async let working = bench.workUntilClaimed(longestWait: .seconds(50))
            try await bench.pass(.milliseconds(50))
            let soon = try await bench.accept(bench.job(schedule: .after(.milliseconds(100))))
            let job = try await working
            #expect(job.message.id == soon)
            #expect(job.wait < .seconds(5))
        }
    }

    @Test("a resume wakes who waits, for ready jobs and for delayed ones", arguments: EngineUnderTest.direct)
    func resumed(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for schedule in [Schedule.now, .after(.milliseconds(300))] {
                _ = try await bench.accept(bench.job(schedule: schedule))
                try await bench.engine.pause(bench.queue)
                async let working = bench.workUntilClaimed(longestWait: .seconds(50))
                try await bench.pass(.milliseconds(150))
                _ = try await bench.engine.resume(bench.queue)
                let job = try await working
                #expect(job.wait < .seconds(10))
                try await bench.settle(job, .complete)
            }
        }
    }

    @Test("one wake-up reaches as many workers as there is work for", arguments: EngineUnderTest.direct)
    func passedOn(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let jobs = try await withThrowingTaskGroup(of: ClaimedJob.self) { group in
                for _ in 0..<4 { group.addTask { try await bench.workUntilClaimed(longestWait: .seconds(50)) } }
                try await bench.pass(.milliseconds(50))
                try await bench.accept((0..<4).map { _ in bench.job() })
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(jobs.map(\.message.id)).count == 4)
        }
    }

    @Test("a swallowed wake-up is passed on", arguments: EngineUnderTest.direct)
    func swallowed(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            await bench.engine.passWakeUp(in: [bench.queue])
            _ = try await bench.accept()
            // Whoever returns from this wait dies before it claims.
            try await bench.engine.waitForWork(in: [bench.queue], atMost: .seconds(10))
            await bench.engine.passWakeUp(in: [bench.queue, bench.queue + "-b"])
            try await bench.engine.waitForWork(in: [bench.queue], atMost: .hours(1))
            #expect(try await bench.claim().jobs.count == 1)
        }
    }

    @Test("a wake-up is passed on by a task that was cancelled, too", arguments: EngineUnderTest.direct)
    func passedOnWhileCancelled(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            _ = try await bench.accept()
            // Two are woken by an enqueue.
            for _ in 0..<2 { try await bench.engine.waitForWork(in: [bench.queue], atMost: .seconds(1)) }
            let passing = Task {
                while !Task.isCancelled { await Task.yield() }
                await bench.engine.passWakeUp(in: [bench.queue])
            }
            passing.cancel()
            await passing.value
            try await bench.engine.waitForWork(in: [bench.queue], atMost: .hours(1))
            #expect(try await bench.claim().jobs.count == 1)
        }
    }

    @Test("a cancelled wait throws, and leaves the engine as it was", arguments: EngineUnderTest.direct)
    func cancelled(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let waiting = Task { try await bench.engine.waitForWork(in: [bench.queue], atMost: .hours(1)) }
            try await bench.pass(.milliseconds(30))
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            try await bench.wait { _ = try await bench.accept() }
            #expect(try await bench.claim().jobs.count == 1)
        }
    }

    /// Redis ends a blocking pop by itself some 350 ms after what we ask for here; so late must none of them be, let alone all.
    @Test("short waits end in time, also where the pop reaches Redis after what is to end it")
    func shortWaits() async throws {
        try await EngineUnderTest.redis.run { bench in
            let start = ContinuousClock.now
            for limit in 1...100 {
                try await bench.engine.waitForWork(in: [bench.queue], atMost: .microseconds(2000 + 10 * limit))
            }
            // Redis by itself would end each with its next tick, a tenth of a second after the last: ten seconds.
            #expect(ContinuousClock.now - start < .seconds(6))
        }
    }

    @Test("a shutdown ends waits, and calls afterwards are refused", arguments: EngineUnderTest.direct)
    func shutdown(subject: EngineUnderTest) async throws {
        let (engine, pass) = try await subject.make()
        try await engine.start()
        let hasEnded = Mutex(false)
        let waiting = Task {
            defer { hasEnded.withLock { $0 = true } }
            try await engine.waitForWork(in: ["none"], atMost: .hours(1))
        }
        defer { waiting.cancel() }
        try await pass(.milliseconds(30))
        await engine.shutdown()
        // Bounded, because a wait that the shutdown forgot may not hear of a cancel any more either.
        for _ in 0..<500 where !hasEnded.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(10)) }
        #expect(hasEnded.withLock { $0 }, "the wait has ended")
        let error = await #expect(throws: SpanQueueError.self) { try await engine.counts(of: ["none"]) }
        #expect(error?.code == .closed)
        await engine.shutdown()
    }
}
