// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import RedisServerFixture
import SpanQueue
import Synchronization
import Testing

@testable import SpanQueueRedis

@Suite("The audit of a queue at work", .serialized)
struct AuditLoadTests {
    @Test("no audit of a busy queue finds anything, whatever producers, workers and people do meanwhile")
    func busy() async throws {
        try await AuditBench.with { bench in
            let end = End()
            // A depth at which a walk takes several steps, and during which jobs move.
            for _ in 0..<10 { _ = try await bench.engine.enqueue((0..<300).map { _ in bench.job(UUID().uuidString) }) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for producer in 0..<2 {
                    group.addTask {
                        var number = 0
                        while !end.hasCome {
                            number += 1
                            try await produce(bench, "p\(producer)-\(number)")
                        }
                    }
                }
                for _ in 0..<3 { group.addTask { while !end.hasCome { try await work(bench) } } }
                group.addTask { while !end.hasCome { try await upkeep(bench) } }
                defer { end.come() }
                let deadline = ContinuousClock.now + .seconds(6)
                var audits = 0
                while ContinuousClock.now < deadline {
                    let report = try await bench.audit.run()
                    #expect(report.violations == [])
                    #expect(!report.isCut)
                    audits += 1
                }
                #expect(audits >= 2)
                end.come()
                try await group.waitForAll()
            }
            let counts = try #require(try await bench.engine.counts(of: ["q"]).first)
            #expect(counts.totals.completed > 500 && counts.totals.dead > 0 && counts.totals.cancelled > 0)
            #expect(try await bench.audit.run().violations == [])
        }
    }

    /// Enqueues jobs of all kinds; some of their locks collide.
    private func produce(_ bench: AuditBench, _ name: String) async throws {
        let spans: [UniqueSpan] = [.untilStarted, .untilFinished, .duration(.milliseconds(20))]
        var jobs = (0..<20).map { bench.job("\(name)-\($0)") }
        jobs.append(bench.job("\(name)-high", priority: Int.random(in: 1...9)))
        jobs.append(bench.job("\(name)-later", priority: Int.random(in: 0...9), delay: .milliseconds(30)))
        jobs.append(bench.job("\(name)-kept", retention: .duration(.milliseconds(50))))
        jobs.append(bench.job("\(name)-forgotten", retention: .none))
        for span in spans {
            jobs.append(bench.job("\(name)-\(span)".filter { $0 != " " }, unique: bench.lock(.random(in: 0...9), span)))
        }
        _ = try await bench.engine.enqueue(jobs)
        if Int.random(in: 0..<5) == 0 { try await bench.perform(.cancel(reason: "x"), on: "\(name)-\(3)") }
        if Int.random(in: 0..<5) == 0 { try await bench.perform(.remove, on: "\(name)-\(4)") }
        if Int.random(in: 0..<5) == 0 { try await bench.perform(.bury(reason: "x"), on: "\(name)-\(5)") }
    }

    /// Claims some jobs and ends them in every way, or not at all.
    private func work(_ bench: AuditBench) async throws {
        let claimed = try await bench.claim(40, lease: .milliseconds(Int.random(in: 1...300)))
        var settlements: [Settlement] = []
        for job in claimed {
            let mayRetry = job.attempt < job.message.maxAttempts
            switch Int.random(in: 0..<20) {
            case 0: continue
            case 1: settlements.append(bench.settlement(of: job, .bury(.permanent)))
            case 2: settlements.append(bench.settlement(of: job, .release))
            case 3: settlements.append(bench.settlement(of: job, .cancel(reason: "c")))
            case 4, 5:
                let delay = Duration.milliseconds(Int.random(in: 0...20))
                settlements.append(bench.settlement(of: job, mayRetry ? .retry(after: delay) : .complete))
            default: settlements.append(bench.settlement(of: job, .complete))
            }
        }
        _ = try await bench.engine.settleAll(settlements)
    }

    private func upkeep(_ bench: AuditBench) async throws {
        _ = try await bench.engine.reclaim(ReclaimRequest(queue: "q", maxReclaims: 3))
        _ = try await bench.engine.sweep("q")
        let action: BulkRequest.Action = Bool.random() ? .redrive : .remove
        if Int.random(in: 0..<10) == 0 {
            _ = try await bench.engine.performAll(BulkRequest(queue: "q", state: .dead, action: action, limit: 20))
        }
        try await Task.sleep(for: .milliseconds(5))
    }

    @Test("damage is found while the queue is busy")
    func damageUnderLoad() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("lost", delay: .hours(1)), bench.job("twice", delay: .hours(1)))
            try await bench.redis("ZREM", ":scheduled", "lost")
            try await bench.redis("ZADD", ":retrying", "99999999999999", "twice")
            let end = End()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    var number = 0
                    while !end.hasCome {
                        number += 1
                        try await produce(bench, "p\(number)")
                        try await work(bench)
                    }
                }
                defer { end.come() }
                for _ in 0..<3 {
                    let found = try await bench.audit.run().findings
                    #expect(found == [Finding(.messageWithoutSet, "lost"), Finding(.oneSet, "twice")])
                }
            }
        }
    }

    @Test("no step holds Redis up for long, at 200,000 jobs, some of them large")
    func bounded() async throws {
        try await AuditBench.with { bench in
            let small = [UInt8](repeating: 1, count: 100)
            let large = [UInt8](repeating: 1, count: 1 << 20)
            for page in 0..<20 {
                _ = try await bench.engine.enqueue(
                    (0..<10_000).map {
                        bench.job("job-\(page)-\($0)", payload: small, delay: $0 < 2000 ? .hours(1) : nil)
                    }
                )
            }
            for number in 0..<20 { try await bench.enqueue(bench.job("large-\(number)", payload: large)) }
            try await bench.redis("RPUSH", ":ready", "job-3-9000")
            try await bench.redis("LREM", ":ready", "0", "job-10-5000")

            try await bench.redis("CONFIG", "SET", "slowlog-log-slower-than", "5000")
            try await bench.redis("CONFIG", "SET", "slowlog-max-len", "10000")
            try await bench.redis("SLOWLOG", "RESET")
            try await bench.redis("CONFIG", "RESETSTAT")
            let report = try await bench.audit.run()
            let slow = try await bench.redis("SLOWLOG", "LEN").integer()
            let cost = try await bench.redis("INFO", "commandstats").string().split(whereSeparator: \.isNewline)
                .first { $0.hasPrefix("cmdstat_evalsha:") }
            #expect(
                report.findings == [Finding(.twiceInReady, "job-3-9000"), Finding(.messageWithoutSet, "job-10-5000")])
            #expect(report.jobs >= 200_020)
            // What the machine does besides can hold up any command; what a step costs would hold up most of them.
            #expect(Int(slow) * 100 <= report.steps, "\(slow) of \(report.steps) steps over 5 ms: \(cost ?? "")")
            let average = cost?.firstMatch(of: /usec_per_call=([0-9.]+)/).flatMap { Double($0.1) }
            #expect(try #require(average) < 2000)
        }
    }

    @Test("jobs of a mebibyte are read a few at a time")
    func largeJobs() async throws {
        try await AuditBench.with { bench in
            let large = [UInt8](repeating: 1, count: 1 << 20)
            for number in 0..<60 { try await bench.enqueue(bench.job("large-\(number)", payload: large)) }
            let before = try await bench.audit.run(queues: ["none"]).steps
            let report = try await bench.audit.run()
            #expect(report.violations == [] && report.jobs >= 60)
            // Valkey hands out whole buckets, of up to seven.
            #expect(report.steps - before >= 12)
        }
    }
}

/// Tells tasks to end.
private final class End: Sendable {
    private let state = Mutex(false)
    var hasCome: Bool { state.withLock { $0 } }

    func come() { state.withLock { $0 = true } }
}
