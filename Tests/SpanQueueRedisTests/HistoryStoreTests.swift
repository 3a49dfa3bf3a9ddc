// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue
import Testing

@testable import SpanQueueRedis

@Suite("The history of attempts in Redis", .serialized, .timeLimit(.minutes(3)))
struct HistoryStoreTests {
    private func tally(_ type: String, _ outcomes: AttemptOutcome..., milliseconds: Int64 = 30) -> AttemptTally {
        var tally = AttemptTally(type: type)
        for outcome in outcomes {
            tally.sums.add(outcome, process: .milliseconds(milliseconds), wait: .milliseconds(2 * milliseconds))
        }
        return tally
    }

    private func slots(
        _ bench: AuditBench, _ resolution: HistoryResolution = .tenMinutes, last: Int = 2, types: Bool = true
    ) async throws -> [HistorySlot] {
        try await bench.engine.history(of: [bench.queue], resolution, last: last, namesTypes: types)[0]
    }

    private func sum(_ slots: [HistorySlot]) -> AttemptSums {
        var all = AttemptSums()
        for slot in slots { all.add(slot.sums) }
        return all
    }

    @Test("counts add up by type and in all, in both rings, and the ready jobs of each priority are counted")
    func sums() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("a"), bench.job("b", priority: 5), bench.job("c", delay: .hours(1)))
            try await bench.engine.add([tally("x", .completed, .retried), tally("y", .buried)], to: bench.queue)
            try await bench.engine.add([tally("x", .completed, .released, milliseconds: 6)], to: bench.queue)
            for resolution in HistoryResolution.all {
                let found = try await slots(bench, resolution)
                #expect(found.last?.ready == 2)
                let now = try await bench.engine.now()
                #expect(found.allSatisfy { now - $0.at < .seconds(2 * resolution.seconds) && $0.at <= now })
                #expect(sum(found).sums == [2, 1, 1, 1, 102, 204])
                var x = AttemptSums()
                for slot in found { if let more = slot.types["x"] { x.add(more) } }
                #expect(x.sums == [2, 1, 0, 1, 72, 144])
                #expect(x.buckets.reduce(0, +) == 4 && x.quantile(0.5) == 10 && x.quantile(0.99) == 50)
                #expect(Set(found.flatMap(\.types.keys)) == ["x", "y"])
                #expect(try await slots(bench, resolution, types: false).allSatisfy { $0.types.isEmpty })
            }
            #expect(
                try await bench.engine.history(of: ["none", bench.queue], .minute, last: 180, namesTypes: false)
                    .map(\.isEmpty) == [true, false])
            #expect(try await bench.audit.run().findings.isEmpty)
        }
    }

    @Test("a slot of the last time round is not shown, and begins afresh")
    func ring() async throws {
        try await AuditBench.with { bench in
            // What the last time round has left where the present slot is, and before it.
            let old = HistoryResolution.tenMinutes.epoch(at: try await bench.engine.now()) - 432
            for epoch in old - 1...old {
                try await bench.redis(
                    "HSET", ":history", "t\(epoch % 432)", "\(epoch) 7 100 0 0 0 0 0\nold\t" + Self.hundred)
            }
            #expect(try await slots(bench, last: 432).isEmpty)
            try await bench.engine.add([tally("x", .completed)], to: bench.queue)
            let found = try await slots(bench, last: 432)
            #expect(found.count == 1 && found.first?.sums.completed == 1 && found.first?.types.keys.first == "x")
            #expect(found.first?.types.count == 1)
            // The present slot alone; a moment later it may be the one before.
            let (one, two) = (try await slots(bench, last: 1), try await slots(bench, last: 2))
            #expect(one == found || two == found)
        }
    }

    private static let hundred = (["100"] + Array(repeating: "0", count: 31)).joined(separator: " ")

    @Test("a slot tells a hundred types apart; the others are counted together, and what is no slot is passed over")
    func bound() async throws {
        try await AuditBench.with { bench in
            let all = (0..<150).map { tally("t\($0)", .completed) }
            for part in [all[..<60], all[60..<120], all[120...]] {
                try await bench.engine.add(Array(part), to: bench.queue)
            }
            let found = try await slots(bench)
            #expect(sum(found).completed == 150)
            #expect(found.allSatisfy { $0.types.count <= 101 })
            #expect(found.map { $0.types.values.reduce(0) { $0 + $1.completed } }.reduce(0, +) == 150)
            // Whether or not a slot has ended meanwhile.
            #expect(found.count > 1 || found[0].types["*"]?.completed == 50)
            let epoch = HistoryResolution.tenMinutes.epoch(at: try await bench.engine.now())
            for place in 0..<2 {
                let slot = epoch + place
                try await bench.redis("HSET", ":history", "t\(slot % 432)", "\(slot) of a later version")
            }
            #expect(try await slots(bench, last: 1).isEmpty)
        }
    }

    @Test("telling is one call of few commands, however many attempts there were; reading is one command a queue")
    func cost() async throws {
        try await AuditBench.with { bench in
            try await bench.engine.add([tally("x", .completed)], to: bench.queue)
            _ = try await slots(bench)
            try await bench.redis("CONFIG", "RESETSTAT")
            try await bench.engine.add((0..<100).map { tally("t\($0)", .completed) }, to: bench.queue)
            _ = try await bench.engine.history(of: [bench.queue], .minute, last: 180, namesTypes: true)
            let text = try await bench.redis("INFO", "commandstats").string()
            let names = text.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("cmdstat_") }.map {
                String($0.dropFirst(8).prefix { $0 != "," })
            }
            #expect(
                Set(names).subtracting(["config|resetstat:calls=1", "info:calls=1"]) == [
                    "evalsha:calls=2", "time:calls=2", "hmget:calls=2", "hset:calls=1", "llen:calls=1", "zcard:calls=1",
                ])
        }
    }

    @Test("a queue without jobs is deleted with its history")
    func deleted() async throws {
        try await AuditBench.with { bench in
            try await bench.settle(bench.start(bench.job("a", retention: .none)), .complete)
            try await bench.engine.add([tally("x", .completed)], to: bench.queue)
            #expect(try await bench.engine.delete(bench.queue))
            #expect(try await slots(bench).isEmpty)
        }
    }
}
