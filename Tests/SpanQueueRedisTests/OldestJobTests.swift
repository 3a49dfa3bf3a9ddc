// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue
import Testing

@testable import SpanQueueRedis

@Suite("The age of the oldest ready job", .serialized)
struct OldestJobTests {
    /// Long before the tests: the start of the messages of old jobs.
    private func age(_ bench: AuditBench, _ id: String, by milliseconds: Int64) async throws {
        let key = "spanq:{q}:jobs"
        let message = try #require(try await bench.redis("HGET", key, id).optionalBytes())
        let at = try #require(Int64(String(decoding: message.prefix(13), as: UTF8.self))) - milliseconds
        try await bench.redis(["HSET", key, id], Array("\(at)".utf8) + message.dropFirst(13))
    }

    private func oldest(_ bench: AuditBench) async throws -> Duration {
        try #require(try await bench.counts().oldestReadyAge)
    }

    @Test("a job that was just given back does not hide the old ones behind it")
    func released() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("first"), bench.job("old"))
            try await age(bench, "old", by: 3_600_000)
            try await bench.settle(try #require(try await bench.claim().first), .release)
            #expect(try await oldest(bench) >= .hours(1))
        }
    }

    @Test("a job that was just reclaimed does not hide the old ones behind it")
    func reclaimed() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("first"), bench.job("old"))
            try await age(bench, "old", by: 3_600_000)
            _ = try await bench.claim(lease: .milliseconds(1))
            try await Task.sleep(for: .milliseconds(10))
            #expect(try await bench.engine.reclaim(ReclaimRequest(queue: "q")).count == 1)
            #expect(try await oldest(bench) >= .hours(1))
        }
    }

    @Test("a job that starves behind others of a higher priority is seen, on each level", arguments: 1...8)
    func starving(level: Int) async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("urgent", priority: 9), bench.job("old", priority: level))
            try await age(bench, "old", by: 3_600_000)
            try await bench.enqueue(bench.job("more", priority: 9), bench.job("late", priority: level))
            #expect(try await oldest(bench) >= .hours(1))
        }
    }

    @Test("of several jobs that came back the first counts, and of several that came back on every level the oldest")
    func returned() async throws {
        try await AuditBench.with { bench in
            for level in 0...9 { try await bench.enqueue(bench.job("job-\(level)", priority: level)) }
            for job in try await bench.claim(10) {
                try await bench.settle(job, .release)
                try await Task.sleep(for: .milliseconds(3))
            }
            let before = ContinuousClock.now
            let age = try await oldest(bench)
            // Level 9 was the first to be given back: nine more followed, 3 ms apart.
            #expect(
                age >= .milliseconds(27) && age <= .milliseconds(27) + (ContinuousClock.now - before) + .seconds(20))
            let newest = try #require(try await bench.record("job-0")).run.eligibleAt
            let first = try #require(try await bench.record("job-9")).run.eligibleAt
            #expect(try #require(newest) > #require(first))
        }
    }

    @Test("what counts cost does not grow with the depth, and is one look at the list where nothing has a priority")
    func cost() async throws {
        try await AuditBench.with { bench in
            func commands() async throws -> [String: Int] {
                try await bench.redis("CONFIG", "RESETSTAT")
                _ = try await bench.counts()
                let text = try await bench.redis("INFO", "commandstats").string()
                var calls: [String: Int] = [:]
                for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix("cmdstat_") {
                    let name = String(line.dropFirst(8).prefix { $0 != ":" })
                    calls[name] = line.split(separator: "=")[1].split(separator: ",").first.flatMap { Int($0) }
                }
                return calls
            }
            try await bench.enqueue(bench.job("a"))
            let plain = try await commands()
            #expect(plain["lindex"] == 1 && plain["zrange"] == 2 && plain["hmget"] == 3)
            try await bench.enqueue(bench.job("b", priority: 1))
            let few = try await commands()
            #expect(few["zrange"] == 22)
            for number in 0..<500 { try await bench.enqueue(bench.job("job-\(number)", priority: number % 10)) }
            #expect(try await commands() == few)
        }
    }
}
