// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue
import Testing

@testable import SpanQueueRedis

@Suite("Counts of errors in Redis", .serialized)
struct ErrorStoreTests {
    private func error(_ fingerprint: UInt64, _ count: Int = 1) -> ErrorCount {
        ErrorCount(
            fingerprint: fingerprint, jobType: "mail:welcome", errorType: "Refused", masked: "nul \0 and ‹n›",
            count: count)
    }

    @Test("a queue keeps 500 groups; those that were seen longest ago are counted together")
    func bound() async throws {
        try await AuditBench.with { bench in
            func add(_ numbers: Range<UInt64>) async throws {
                try await bench.engine.add(numbers.map { error($0, 2) }, to: "q", version: "1")
                try await Task.sleep(for: .milliseconds(3))
            }
            for start in stride(from: UInt64(0), to: 500, by: 100) { try await add(start..<start + 100) }
            #expect(try await bench.engine.errors(in: "q").count == 500)
            // The oldest is seen again.
            try await add(0..<1)
            try await add(500..<501)
            let groups = try await bench.engine.errors(in: "q")
            #expect(groups.count <= 500 && groups.count > 450)
            #expect(groups.reduce(0) { $0 + $1.count } == 1004)
            let kept = Set(groups.compactMap(\.fingerprint))
            #expect(kept.isSuperset(of: [0, 500, 499]) && !kept.contains(1))
            let rest = try #require(groups.first { $0.fingerprint == nil })
            #expect(rest.count == 2 * (501 - kept.count) && rest.firstSeen <= rest.lastSeen)
            for start in stride(from: UInt64(1000), to: 1600, by: 100) { try await add(start..<start + 100) }
            let later = try await bench.engine.errors(in: "q")
            #expect(later.count <= 500 && later.reduce(0) { $0 + $1.count } == 2204)
        }
    }

    @Test("telling of errors is one call of few commands, however many attempts failed")
    func cost() async throws {
        try await AuditBench.with { bench in
            try await bench.engine.add([error(1)], to: "q", version: "1")
            try await bench.redis("CONFIG", "RESETSTAT")
            try await bench.engine.add((0..<100).map { error($0, 1000) }, to: "q", version: "1")
            let text = try await bench.redis("INFO", "commandstats").string()
            let names = text.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("cmdstat_") }.map {
                String($0.dropFirst(8).prefix { $0 != "," })
            }
            #expect(
                Set(names).subtracting(["config|resetstat:calls=1", "info:calls=1"])
                    == ["evalsha:calls=1", "time:calls=1", "hmget:calls=1", "hset:calls=1", "hlen:calls=1"])
        }
    }
}
