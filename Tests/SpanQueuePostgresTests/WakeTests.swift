// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueLoop
import Synchronization
import Testing

@testable import SpanQueuePostgres

@Suite("waking", .timeLimit(.minutes(1)))
struct WakeTests {
    @Test("one who waits elsewhere is woken by an enqueue, long before it looks again by itself")
    func elsewhere() async throws {
        let database = try await Database()
        // Nobody's sleep is over by this clock.
        try await database.freezeClock()
        try await database.withEngines(2, idleWait: .hours(1)) { engines in
            for round in 0..<3 {
                async let waiting: Void = engines[0].waitForWork(in: ["other", "q"], atMost: .hours(1))
                while try await database.sql("SELECT count(*) FROM spanq.idle") != "2" || round > 0 {
                    if round > 0 { break }
                    try await Task.sleep(for: .milliseconds(5))
                }
                _ = try await engines[1].enqueue([job()])
                try await waiting
                #expect(try await engines[0].claim(claim()).jobs.count == 1)
            }
        }
    }

    @Test("one who waits elsewhere is woken by a redrive of many")
    func redriven() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines(2, idleWait: .hours(1)) { engines in
            _ = try await engines[1].enqueue([job("a")])
            let claimed = try await engines[1].claim(claim()).jobs
            _ = try await engines[1].settleAll(claimed.map { Settlement($0, .bury(.permanent)) })
            async let waiting: Void = engines[0].waitForWork(in: ["q"], atMost: .hours(1))
            while try await database.sql("SELECT count(*) FROM spanq.idle") != "1" {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(
                try await engines[1].perform(.redrive, on: ["a"], in: "q", if: .dead, by: nil) == [.done(.ready)])
            try await waiting
            #expect(try await engines[0].claim(claim()).jobs.count == 1)
        }
    }

    @Test("one who waits elsewhere is woken by a job that is due before all others")
    func earlier() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines(2, idleWait: .hours(1)) { engines in
            _ = try await engines[1].enqueue([job(schedule: .after(.hours(2)))])
            async let waiting: Void = engines[0].waitForWork(in: ["q"], atMost: .hours(1))
            while try await database.sql("SELECT count(*) FROM spanq.idle") != "1" {
                try await Task.sleep(for: .milliseconds(5))
            }
            _ = try await engines[1].enqueue([job(schedule: .after(.hours(1)))])
            try await waiting
        }
    }

    @Test("what has become due is work, be it scheduled or to be tried again")
    func due() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines(1, idleWait: .hours(1)) { engines in
            let engine = engines[0]
            _ = try await engine.enqueue([job(schedule: .after(.seconds(5))), job()])
            let claimed = try await engine.claim(claim()).jobs
            _ = try await engine.settleAll(claimed.map { Settlement($0, .retry(after: .seconds(1))) })
            for seconds: Int64 in [2, 6] {
                try await database.freezeClock(at: 1_800_000_000_000_000 + seconds * 1_000_000)
                try await engine.waitForWork(in: ["q"], atMost: .hours(1))
                #expect(try await engine.claim(claim()).jobs.count == 1)
            }
        }
    }

    @Test("what is ready in a paused queue is no work")
    func paused() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            _ = try await engines[0].enqueue([job()])
            _ = try await engines[0].pause("q", note: OperatorNote(reason: "a look", by: "ada"))
            let start = ContinuousClock.now
            try await engines[0].waitForWork(in: ["q"], atMost: .milliseconds(300))
            #expect(ContinuousClock.now - start >= .milliseconds(300))
        }
    }

    @Test("a wake-up that comes before the sleep is not lost, and wakes one")
    func early() async throws {
        let loop = LoopThread(name: "test")
        defer { loop.stop() }
        let list = WaitList(loop: loop)
        let first = try list.add(["a", "b"])
        let second = try list.add(["b"])
        #expect(!list.wake("c"))
        #expect(list.wake("b"))
        #expect(try await first.sleep(until: .now + .hours(1)))
        #expect(try await second.sleep(until: .now + .milliseconds(10)) == false)
        #expect(list.wake("b"))
        #expect(!list.wake("b"))
        #expect(try await second.sleep(until: .now + .hours(1)))
        list.remove(first)
        list.close()
        let error = #expect(throws: SpanQueueError.self) { try list.add(["a"]) }
        #expect(error?.code == .closed)
    }

    @Test("a cancelled sleep ends, and so does one of a list that is closed")
    func ended() async throws {
        let loop = LoopThread(name: "test")
        defer { loop.stop() }
        let list = WaitList(loop: loop)
        let cancelled = try list.add(["a"])
        let task = Task { try await cancelled.sleep(until: .now + .hours(1)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        let closed = try list.add(["a"])
        let other = Task { try await closed.sleep(until: .now + .hours(1)) }
        list.close()
        let error = await #expect(throws: SpanQueueError.self) { try await other.value }
        #expect(error?.code == .closed)
    }
}
