// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@testable import SpanQueuePostgres

@Suite("the history of attempts in Postgres", .timeLimit(.minutes(3)))
struct HistoryTests {
    private func tally(_ type: String) -> AttemptTally {
        var tally = AttemptTally(type: type)
        tally.sums.add(.completed, process: .milliseconds(7), wait: .milliseconds(9))
        return tally
    }

    /// An hour begins then.
    private static let start: Int64 = 1_800_000_000

    @Test("a slot is shown for as long as its ring is, and removed with the first after that")
    func ring() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            _ = try await engine.enqueue([job()])
            func tell(atMinute minute: Int64) async throws {
                try await database.freezeClock(at: (Self.start + 60 * minute + 59) * 1_000_000)
                try await engine.add([tally("t")], to: "q")
            }
            func slots(_ resolution: HistoryResolution, last: Int = 1000) async throws -> [Int64] {
                let found = try await engine.history(of: ["q"], resolution, last: last, namesTypes: true)[0]
                #expect(found.allSatisfy { $0.types["t"]?.attempts == $0.sums.attempts && $0.types.count == 1 })
                return found.map { ($0.at.milliseconds / 1000 - Self.start) / 60 }
            }
            try await tell(atMinute: 0)
            try await tell(atMinute: 9)
            try await tell(atMinute: 10)
            func expect(_ minutes: [Int64], _ tens: [Int64], _ place: SourceLocation = #_sourceLocation) async throws {
                #expect(try await slots(.minute) == minutes, sourceLocation: place)
                #expect(try await slots(.tenMinutes) == tens, sourceLocation: place)
            }
            func expectRows(_ count: Int, _ place: SourceLocation = #_sourceLocation) async throws {
                for table in ["history", "history_type"] {
                    let rows = try await database.sql("SELECT count(*) FROM spanq.\(table)")
                    #expect(rows == "\(count)", "\(table)", sourceLocation: place)
                }
            }
            try await expect([0, 9, 10], [0, 10])
            #expect(try await slots(.minute, last: 2) == [9, 10])
            #expect(try await slots(.minute, last: 1) == [10])
            // Nobody has told of anything since.
            try await database.freezeClock(at: (Self.start + 60 * 180) * 1_000_000)
            try await expect([9, 10], [0, 10])
            try await tell(atMinute: 189)
            try await expect([10, 189], [0, 10, 180])
            try await expectRows(5)
            try await tell(atMinute: 4320)
            try await expect([4320], [10, 180, 4320])
            try await expectRows(4)
        }
    }

    @Test("a slot tells a hundred types apart; the others are counted together")
    func bound() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines { engines in
            let engine = engines[0]
            _ = try await engine.enqueue([job()])
            let all = (0..<150).map { tally("t\($0)") }
            for part in [all[..<60], all[60..<120], all[120...], all[..<10], all[140...]] {
                try await engine.add(Array(part), to: "q")
            }
            for resolution in HistoryResolution.all {
                let slots = try await engine.history(of: ["q"], resolution, last: 1, namesTypes: true)[0]
                let slot = try #require(slots.first)
                #expect(slot.sums.completed == 170 && slot.types.count == 101)
                #expect(slot.types["*"]?.completed == 60 && slot.types["t9"]?.completed == 2)
                #expect(slot.types["*"]?.buckets.reduce(0, +) == 60 && slot.types["*"]?.processMilliseconds == 420)
                #expect(slot.ready == 1)
            }
            // As many are ready as when it was told last.
            _ = try await engine.enqueue([job()])
            try await engine.add([tally("t0")], to: "q")
            #expect(try await engine.history(of: ["q"], .minute, last: 1, namesTypes: false)[0].first?.ready == 2)
        }
    }

    @Test(
        "nothing that several workers tell of one slot at once is lost, and telling of a queue that is not there does nothing"
    )
    func together() async throws {
        let database = try await Database()
        try await database.withEngines(2) { engines in
            _ = try await engines[0].enqueue([job()])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, engine) in engines.enumerated() {
                    group.addTask {
                        let tallies = [tally("a"), tally("b"), tally("c")]
                        for _ in 0..<50 {
                            try await engine.add(number == 0 ? tallies : tallies.reversed(), to: "q")
                        }
                    }
                    group.addTask { for _ in 0..<10 { try await engine.add([tally("a")], to: "none") } }
                }
                try await group.waitForAll()
            }
            for resolution in HistoryResolution.all {
                let slots = try await engines[0].history(of: ["q"], resolution, last: 9, namesTypes: true)[0]
                for type in ["a", "b", "c"] {
                    #expect(slots.reduce(0) { $0 + ($1.types[type]?.completed ?? 0) } == 100)
                }
                #expect(slots.reduce(0) { $0 + $1.sums.completed } == 300)
            }
        }
    }

    @Test("ready jobs by priority: exact up to a number a level, and beyond that their sum is right")
    func levels() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            let priorities = [0: 40, 1: 3, 5: 5, 9: 20]
            for (priority, count) in priorities.sorted(by: { $0.key < $1.key }) {
                _ = try await engine.enqueue(
                    (0..<count).map { _ in
                        var new = job()
                        new.message.priority = priority
                        return new
                    })
            }
            func look(_ most: Int) async throws -> [Int64] {
                let text = try await database.sql(
                    "SELECT array_to_string(ready, ',') FROM spanq.levels_1(ARRAY['q'], \(most))")
                return (text ?? "").split(separator: ",").compactMap { Int64($0) }
            }
            let exact: [Int64] = [40, 3, 0, 0, 0, 5, 0, 0, 0, 20]
            #expect(
                try await engine.readyByPriority(of: ["none", "q"]) == [
                    Array(repeating: 0, count: 10), exact.map { Int($0) },
                ])
            #expect(try await look(1000) == exact)
            // One level has more than is looked at: the rest is of that one.
            #expect(try await look(20) == exact)
            // Two have: what they share is estimated, by how long their lines are.
            #expect(try await look(10) == exact)
            try await database.sql(
                "UPDATE spanq.live SET score = score + 1000 WHERE score = (SELECT max(score) FROM spanq.live WHERE score < spanq.line(8))"
            )
            let rough = try await look(10)
            #expect(rough.reduce(0, +) == 68 && rough[1] == 3 && rough[5] == 5 && rough[9] > 20 && rough[0] >= 10)
        }
    }
}
