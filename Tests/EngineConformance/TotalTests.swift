// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("totals")
struct TotalTests {
    @Test("enqueued less removed is what the sets hold, after anything", arguments: EngineUnderTest.all)
    func sum(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            var generator = SplitMix(seed: 17)
            var held: [ClaimedJob] = []
            for step in 0..<300 {
                try await turn(step, bench, &held, &generator)
                let counts = try await bench.counts()
                let sum = counts.jobs.values.reduce(0, +)
                #expect(sum == counts.totals.enqueued - counts.totals.removed, "after step \(step)")
            }
            try await bench.checkInvariants()
        }
    }

    private func turn(
        _ step: Int, _ bench: Bench, _ held: inout [ClaimedJob], _ generator: inout SplitMix
    ) async throws {
        switch Int.random(in: 0..<8, using: &generator) {
        case 0, 1:
            let unique = step % 3 == 0 ? bench.lock(UInt8(step % 5), .untilFinished) : nil
            let retention = [Retention.standard, .none, .duration(.milliseconds(50))][step % 3]
            try await bench.enqueue(
                bench.job(
                    priority: step % 4, maxRetries: 1000, unique: unique, retention: retention,
                    schedule: step % 7 == 0 ? .after(.milliseconds(5)) : .now))
        case 2: held += try await bench.claim(2, lease: .milliseconds(step % 2 == 0 ? 10 : 30_000)).jobs
        case 3, 4:
            guard let job = held.popLast() else { return }
            let verdicts: [Verdict] = [
                .complete, .retry(after: .zero), .bury(.permanent), .release, .cancel(reason: "x"),
            ]
            try await bench.settle(job, verdicts[step % 5])
        case 5:
            _ = try await bench.reclaim(maxReclaims: 2)
            _ = try await bench.engine.sweep(bench.queue)
        case 6:
            let states = JobState.known
            guard let id = try await bench.ids(states[step % states.count]).first else { return }
            let actions: [JobAction] = [.cancel(reason: "x"), .redrive, .bury(reason: "x"), .remove]
            _ = try await bench.perform(actions[(step / 7) % 4], on: id)
        default: try await bench.pass(.milliseconds(4))
        }
    }
}

/// A small generator that gives the same numbers for the same seed (Steele, Lea and Flood, 2014).
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
