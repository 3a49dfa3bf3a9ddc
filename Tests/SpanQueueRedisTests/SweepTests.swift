// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue
import Testing

@testable import SpanQueueRedis

@Suite("A sweep of much", .serialized, .timeLimit(.minutes(2)))
struct SweepTests {
    /// More than one step of the script takes, of each kind that a sweep looks for.
    private static let count = 1200

    /// Locks that have run out, retained jobs, cancelled ones and locks with their jobs gone.
    private func fill(_ bench: AuditBench) async throws {
        for start in stride(from: 0, to: Self.count, by: 100) {
            var lock = [UInt8](repeating: 0, count: UniqueLock.digestBytes)
            let jobs = (start..<start + 100).map { number in
                (lock[0], lock[1]) = (UInt8(number & 255), UInt8(number >> 8))
                return bench.job(
                    "\(number)", unique: UniqueLock(digest: lock, span: .duration(.milliseconds(1))),
                    retention: .duration(.milliseconds(1)))
            }
            _ = try await bench.engine.enqueue(jobs)
            let claimed = try await bench.claim(100)
            _ = try await bench.engine.settleAll(claimed.map { bench.settlement(of: $0, .complete) })
        }
        try await Task.sleep(for: .milliseconds(10))
    }

    @Test("goes on until nothing is left, in one call, where it has the time")
    func whole() async throws {
        try await AuditBench.with { bench in
            try await fill(bench)
            let reply = try await bench.engine.sweep("q", within: .seconds(60))
            #expect(reply == SweepReply(dropped: 2 * Self.count, isFinished: true))
            #expect(try await bench.redis("EXISTS", ":jobs", ":unique", ":unique-expiry", ":retained").integer() == 0)
        }
    }

    @Test("without the time for more it takes one step, and says that there is more, until there is not")
    func steps() async throws {
        try await AuditBench.with { bench in
            try await fill(bench)
            var replies: [SweepReply] = []
            repeat {
                replies.append(try await bench.engine.sweep("q", within: .zero))
            } while replies.last?.isFinished == false && replies.count < 100
            #expect(replies.reduce(0) { $0 + $1.dropped } == 2 * Self.count)
            // 250 of a kind a step, and the last finds nothing more to be full of.
            #expect(replies.count == 5, "\(replies)")
        }
    }
}
