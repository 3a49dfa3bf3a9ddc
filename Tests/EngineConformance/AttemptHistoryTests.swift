// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("the history of attempts")
struct AttemptHistoryTests {
    private func tally(_ type: String, _ outcomes: AttemptOutcome..., milliseconds: Int64 = 30) -> AttemptTally {
        var tally = AttemptTally(type: type)
        for outcome in outcomes {
            tally.sums.add(outcome, process: .milliseconds(milliseconds), wait: .milliseconds(2 * milliseconds))
        }
        return tally
    }

    @Test("attempts add up by type and in all, by minutes and by ten minutes", arguments: EngineUnderTest.direct)
    func sums(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let store = try #require(bench.engine as? any HistoryStore)
            try await bench.accept([
                bench.job(), bench.job(priority: 5), bench.job(schedule: .after(.hours(1))),
            ])
            try await store.add([tally("x", .completed, .retried), tally("y", .buried)], to: bench.queue)
            try await store.add([tally("x", .completed, .released, milliseconds: 6)], to: bench.queue)
            let now = try await bench.engine.now()
            for resolution in HistoryResolution.all {
                // A moment later it may be another slot.
                let slots = try await store.history(of: [bench.queue], resolution, last: 2, namesTypes: true)[0]
                #expect(slots.last?.ready == 2)
                #expect(slots.allSatisfy { now - $0.at < .seconds(2 * resolution.seconds) && $0.at <= now })
                #expect(slots.map(\.at) == slots.map(\.at).sorted())
                var all = AttemptSums()
                var types: [String: AttemptSums] = [:]
                for slot in slots {
                    all.add(slot.sums)
                    for (type, sums) in slot.types { types[type, default: AttemptSums()].add(sums) }
                }
                #expect(all.sums == [2, 1, 1, 1, 102, 204] && all.buckets.isEmpty)
                #expect(types["x"]?.sums == [2, 1, 0, 1, 72, 144] && types["y"]?.sums == [0, 0, 1, 0, 30, 60])
                #expect(types["x"]?.buckets.reduce(0, +) == 4 && types["y"]?.buckets.reduce(0, +) == 1)
                #expect(types["x"]?.quantile(0.5) == 10 && types["x"]?.quantile(0.99) == 50 && types.count == 2)
                let plain = try await store.history(of: [bench.queue], resolution, last: 2, namesTypes: false)[0]
                #expect(plain.allSatisfy { $0.types.isEmpty } && plain.map(\.sums) == slots.map(\.sums))
            }
        }
    }

    @Test("each queue has its own history, which goes with it", arguments: EngineUnderTest.direct)
    func deleted(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let store = try #require(bench.engine as? any HistoryStore)
            let claimed = try await bench.acceptAndClaim(bench.job(retention: .none))
            try await store.add([tally("x", .completed)], to: bench.queue)
            try await bench.settle(claimed, .complete)
            let names = ["\(bench.queue)-none", bench.queue]
            let before = try await store.history(of: names, .minute, last: 180, namesTypes: true)
            #expect(before.map(\.isEmpty) == [true, false])
            #expect(try await bench.engine.delete(bench.queue))
            // One of the same name knows nothing of it.
            _ = try await bench.accept()
            let after = try await store.history(of: names, .minute, last: 180, namesTypes: true)
            #expect(after.map(\.isEmpty) == [true, true])
        }
    }
}
