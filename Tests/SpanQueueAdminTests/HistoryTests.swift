// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueAdmin
import SpanQueueTesting
import Testing

@Suite("The history of attempts", .timeLimit(.minutes(1)))
struct HistoryTests {
    private struct Refused: Error {}

    @Test("a worker tells how its attempts went, by queue and type, when it ends at the latest")
    func worker() async throws {
        let clock = ManualClock()
        let queue = try JobQueue.testing(clock: clock)
        for number in 0..<4 {
            _ = try await queue.enqueue(
                type: number == 3 ? "note" : "charge", payload: [UInt8(number)], .queue("mail"), .maxRetries(1))
        }
        let worker = try Worker(queue, WorkerConfiguration(queues: ["mail": 1]))
        try worker.handle("*") { payload, _ in if payload == [2] { throw Refused() } }
        try await worker.runAllDue(in: queue, advancing: clock)
        let history = try await Admin(queue).history(of: "mail", .minute, last: 180)
        #expect(history.seconds == 60)
        #expect(history.slots.reduce(0) { $0 + $1.completed } == 3)
        #expect(history.slots.reduce(0) { $0 + $1.retried } == 1 && history.slots.reduce(0) { $0 + $1.dead } == 1)
        #expect(history.types?.map(\.type) == ["charge", "note"])
        #expect(history.types?.first?.completed == 2 && history.types?.first?.p99Seconds != nil)
        let all = try await Admin(queue).history(.tenMinutes, last: 432)
        #expect(all.types == nil && all.slots.reduce(0) { $0 + $1.completed } == 3)
        await #expect(throws: SpanQueueError.self) { try await Admin(queue).history(of: "mial", .minute, last: 1) }
        let nobody = Principal(name: "n", way: .api, scopes: [.read], queues: try QueuePatterns("other"))
        #expect(try await Admin(queue).visible(to: nobody).history(.minute, last: 180).slots.isEmpty)
    }

    @Test("queues are added up moment by moment; one without attempts counts with the ready jobs that it had last")
    func together() async throws {
        let clock = ManualClock()
        let queue = try JobQueue.testing(clock: clock)
        let store = try #require(try await queue.engine as? any HistoryStore)
        for (name, jobs) in [("a", 3), ("b", 5)] {
            for _ in 0..<jobs { try await queue.enqueue(type: "t", payload: [], .queue(name)) }
        }
        func add(_ queue: String) async throws {
            var sums = AttemptSums()
            sums.add(.completed, process: .milliseconds(10), wait: .milliseconds(20))
            try await store.add([AttemptTally(type: "t", sums: sums)], to: queue)
        }
        try await add("a")
        clock.advance(by: .seconds(60))
        try await add("a")
        try await add("b")
        clock.advance(by: .seconds(60))
        try await add("b")
        let slots = try await Admin(queue).history(.minute, last: 10).slots
        #expect(slots.map(\.ready) == [3, 8, 8] && slots.map(\.completed) == [1, 2, 1])
        let queues = try await Admin(queue).history(.minute, last: 10).queues
        #expect(queues?.map(\.name) == ["a", "b"] && queues?.map(\.ready) == [[3, 3, 3], [nil, 5, 5]])
        #expect(try await Admin(queue).history(of: "a", .minute, last: 10).queues == nil)
        #expect(slots.allSatisfy { $0.processSeconds == 0.01 && $0.waitSeconds == 0.02 })
        #expect(try await Admin(queue).history(.minute, last: 1).slots.count == 1)
    }

    @Test("what a worker has not told is bounded, and what could not be told is told later")
    func tally() {
        var tally = HistoryTally()
        for number in 0..<150 { tally.add("t\(number)", .completed, process: .zero, wait: .zero) }
        tally.add("not a type", .buried, process: .zero, wait: .zero)
        tally.add("t0", .snoozed, process: .seconds(200_000), wait: .zero)
        let untold = tally.take()
        #expect(tally.isEmpty && untold.count == 101)
        #expect(untold.first { $0.type == "*" }?.sums.attempts == 51)
        #expect(untold.first { $0.type == "t0" }?.sums.buckets.last == 1)
        tally.add("t149", .retried, process: .zero, wait: .zero)
        tally.add(untold)
        let all = tally.take()
        #expect(all.count <= 102 && all.reduce(0) { $0 + $1.sums.attempts } == 153)
    }

    @Test("a time is known to the bucket that it is in")
    func quantiles() {
        var sums = AttemptSums()
        #expect(sums.quantile(0.5) == nil)
        for milliseconds in [1, 2, 3, 40, 100] {
            sums.add(.completed, process: .milliseconds(milliseconds), wait: .zero)
        }
        #expect(sums.quantile(0) == 1 && sums.quantile(0.5) == 5 && sums.quantile(0.99) == 100)
        sums.add(.completed, process: .seconds(1_000_000), wait: .zero)
        #expect(sums.quantile(0.99) == nil)
        #expect(AttemptSums.bounds.first == 1 && AttemptSums.bounds.last == 100_000_000)
        #expect(AttemptSums(sums.numbers) == sums && AttemptSums([1, 2]) == nil)
    }

    @Test("a ring keeps so many slots and no more")
    func ring() {
        var ring = HistoryRing()
        for minute in 0..<500 {
            ring.add(
                [AttemptTally(type: "t")], ready: minute, at: Timestamp(milliseconds: Int64(minute) * 60_000 + 1))
        }
        let now = Timestamp(milliseconds: 499 * 60_000 + 2)
        let slots = ring.last(180, .minute, at: now, namesTypes: false)
        #expect(slots.count == 180 && slots.first?.ready == 320 && slots.last?.ready == 499)
        #expect(ring.last(1000, .minute, at: now, namesTypes: true).count == 180)
        #expect(ring.last(432, .tenMinutes, at: now, namesTypes: true).count == 50)
    }
}
