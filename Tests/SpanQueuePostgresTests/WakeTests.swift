// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueLoop
import Synchronization
import Testing

@testable import SpanQueuePostgres

@Suite("waking", .timeLimit(.minutes(2)))
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
