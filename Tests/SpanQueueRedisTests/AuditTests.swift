// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import RedisServerFixture
import SpanQueue
import Testing

@testable import SpanQueueRedis

@Suite("The audit", .serialized)
struct AuditTests {
    @Test("a healthy queue with jobs in every state is clean, and the audit changes nothing")
    func healthy() async throws {
        try await AuditBench.with { bench in
            try await bench.fill()
            let digest = try await bench.redis("DEBUG", "DIGEST").string()
            let report = try await bench.audit.run()
            #expect(report.findings.isEmpty)
            #expect(report.queues == ["q"])
            let count = try await bench.redis("HLEN", ":jobs").integer()
            #expect(report.jobs == Int(count) && count > 20)
            #expect(try await bench.redis("DEBUG", "DIGEST").string() == digest)
            // Sweeping, promoting and reclaiming leave nothing behind that an audit minds.
            while try await bench.engine.sweep("q") > 0 {}
            #expect(try await bench.audit.run().findings.isEmpty)
        }
    }

    @Test("each kind of damage is found, exactly, and repaired where that loses nothing", arguments: Damage.all)
    func damage(_ damage: Damage) async throws {
        try await AuditBench.with { bench in
            try await bench.fill()
            try await damage.plant(bench)
            let report = try await bench.audit.run()
            #expect(report.findings == damage.findings)
            let outcomes = try await bench.audit.repair(report.violations)
            for outcome in outcomes {
                #expect(outcome.isRepaired == outcome.violation.rule.isRepairable, "\(outcome.violation)")
            }
            #expect(try await bench.audit.run().findings == damage.left)
            // Nothing is left to repair, and repairing once more changes nothing.
            let digest = try await bench.redis("DEBUG", "DIGEST").string()
            _ = try await bench.audit.repair(report.violations)
            #expect(try await bench.redis("DEBUG", "DIGEST").string() == digest)
        }
    }

    @Test("every rule has a damage that breaks it")
    func everyRule() {
        #expect(Set(Damage.all.flatMap { $0.findings.map(\.rule) }) == Set(AuditRule.allCases))
    }

    @Test("all damage at once is found at once, and one repair repairs it")
    func allAtOnce() async throws {
        try await AuditBench.with { bench in
            try await bench.fill()
            // Of those that touch the same job only one can be there.
            let names: Set = [
                "ready and scheduled", "priority and cancelled", "ready and completed", "twice completed",
                "ids that never were jobs", "jobs out of their sorted sets", "a lock of a job that is gone",
                "a lock that was released too early", "a lock that no sweep will find",
                "too many enqueued", "a worker forever",
            ]
            let damages = Damage.all.filter { names.contains($0.name) }
            for damage in damages { try await damage.plant(bench) }
            let report = try await bench.audit.run()
            #expect(report.findings.isSuperset(of: damages.flatMap(\.findings).filter { $0.rule != .totals }))
            _ = try await bench.audit.repair(report.violations)
            #expect(try await bench.audit.run().violations == [])
        }
    }

    @Test("a job in two states is found wherever it stands in a long list, with their names")
    func longList() async throws {
        // So encoded, a hash of any size is one page.
        let encoding = ["--hash-max-listpack-entries", "1000", "--hash-max-listpack-value", "10000"]
        try await AuditBench.with(encoding) { bench in
            for number in 0..<600 { try await bench.enqueue(bench.job("job-\(number)")) }
            let twice = stride(from: 7, to: 600, by: 53).map { "job-\($0)" }
            for id in twice { try await bench.redis("ZADD", ":cancelled", "1", id) }
            try await bench.redis("ZADD", ":retained", "1", "job-599")
            let report = try await bench.audit.run()
            #expect(report.jobs >= 600)
            #expect(
                report.findings.subtracting([Finding(.totals, "q")])
                    == Set((twice + ["job-599"]).map { Finding(.oneSet, $0) }))
            for violation in report.violations where violation.rule == .oneSet {
                let state = violation.subject == "job-599" ? "retained" : "cancelled"
                #expect(violation.detail.contains("is in \(state) and ready"))
            }
        }
    }

    @Test("a page of a list that takes more than one slice is read to its end")
    func longPage() async throws {
        try await AuditBench.with { bench in
            for number in 0..<300 { try await bench.enqueue(bench.job("job-\(number)")) }
            // Pages begin at the tail.
            try await bench.redis("ZADD", ":cancelled", "1", "job-10")
            let session = AuditSession(engine: bench.engine, maxReclaims: 3) { _ in }
            let page = try await session.read(.list(.ready), of: RedisKeys(queue: "q"), count: 300).page
            #expect(page.jobs.map(\.id) == ["job-10"])
        }
    }

    @Test("a job that was lost is a dead letter after the repair, can be redriven, and runs")
    func lostJob() async throws {
        try await AuditBench.with { bench in
            // A dead letter that is none any more: the total must rise by the one that was lost, and not just to what there is.
            try await bench.settle(bench.start(bench.job("other")), .bury(.permanent))
            try await bench.perform(.remove, on: "other")
            try await bench.enqueue(bench.job("lost", unique: bench.lock(1, .untilFinished)))
            try await bench.redis("DEL", ":ready")
            _ = try await bench.audit.repair(try await bench.audit.run().violations)
            #expect(try await bench.engine.counts(of: ["q"])[0].totals.dead == 2)
            let record = try #require(try await bench.record("lost"))
            #expect(record.state == .dead)
            #expect(record.run.endReason == "found_by_audit")
            try await bench.perform(.redrive, on: "lost")
            let claimed = try #require(try await bench.claim().first)
            try await bench.settle(claimed, .complete)
            #expect(try await bench.record("lost")?.state == .completed)
            #expect(try await bench.audit.run().findings.isEmpty)
        }
    }

    @Test("an active job without a lease is reclaimed after the repair, and its record can be read")
    func leaseless() async throws {
        try await AuditBench.with { bench in
            let claimed = try await bench.start(bench.job("stuck"))
            try await bench.redis("HDEL", ":leases", "stuck")
            _ = try await bench.audit.repair(try await bench.audit.run().violations)
            #expect(try await bench.audit.run().findings.isEmpty)
            #expect(try await bench.engine.reclaim(ReclaimRequest(queue: "q")).map(\.reference.id) == ["stuck"])
            let again = try #require(try await bench.claim().first)
            #expect(again.run?.reclaims == 1 && again.reference.token > claimed.reference.token)
            #expect(try await bench.audit.run().findings.isEmpty)
        }
    }

    @Test("what has changed since the audit is not repaired, whatever was wrong with it")
    func changedMeanwhile() async throws {
        try await AuditBench.with { bench in
            func lock(_ byte: UInt8) -> String { String(decoding: AuditBench.digest(byte), as: UTF8.self) }
            _ = try await bench.start(bench.job("ahead"))
            try await bench.redis("HSET", ":leases", "ahead", "9000000000000000-1:w")
            try await bench.enqueue(
                bench.job("a"), bench.job("b", unique: bench.lock(1, .untilFinished)),
                bench.job("robbed", unique: bench.lock(2, .untilFinished)))
            try await bench.redis("LREM", ":ready", "0", "a")
            try await bench.redis("LREM", ":ready", "0", "b")
            try await bench.redis("HDEL", ":unique", lock(1), lock(2))
            try await bench.redis("HSET", ":unique", lock(3), "0:ghost")
            try await bench.redis("ZADD", ":scheduled", "9999999999999", "new")
            try await bench.redis("HSET", ":leases", "started", "5-1:w")
            try await bench.redis("HINCRBY", ":meta", "enqueued", "5")
            let report = try await bench.audit.run()
            let rules: [AuditRule] = [
                .tokenAhead, .messageWithoutSet, .messageWithoutSet, .lockMissing, .lockMissing, .lockWithoutOwner,
                .setWithoutMessage, .leaseWithoutActive, .totals,
            ]
            #expect(report.violations.map(\.rule.rawValue).sorted() == rules.map(\.rawValue).sorted())

            try await bench.redis("HSET", ":meta", "token", "9100000000000000")
            try await bench.redis("HSET", ":runs", "a", "\u{1}\u{0}\u{0}\u{0}")
            try await bench.redis("ZADD", ":cancelled", "1", "b")
            try await bench.redis("HSET", ":unique", lock(2), "0:a", lock(3), "0:a")
            try await bench.redis("HSET", ":jobs", "new", "a message")
            try await bench.redis("ZADD", ":active", "9999999999999", "started")
            // With an id in two sets nobody can tell the totals.
            try await bench.redis("ZADD", ":dead", "1", "ahead")
            let digest = try await bench.redis("DEBUG", "DIGEST").string()
            let outcomes = try await bench.audit.repair(report.violations)
            #expect(outcomes.filter(\.isRepaired).map(\.violation.rule) == [])
            #expect(try await bench.redis("DEBUG", "DIGEST").string() == digest)
        }
    }

    @Test("a job that is twice in the queue keeps the earlier turn")
    func earlierTurn() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("a"), bench.job("b"), bench.job("c"))
            try await bench.redis("RPUSH", ":ready", "a", "a")
            _ = try await bench.audit.repair(try await bench.audit.run().violations)
            #expect(try await bench.claim(5).map(\.reference.id) == ["a", "b", "c"])
        }
    }

    @Test("ids that are no text are found, in sets and in lists, and left to a person")
    func foreignIds() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("a"))
            try await bench.redis(["ZADD", ":dead", "1"], [0xFF, 0x41])
            try await bench.redis(["RPUSH", ":ready"], [0xFE, 0x42])
            let report = try await bench.audit.run()
            #expect(
                report.findings == [
                    Finding(.setWithoutMessage, "\u{FFFD}A"), Finding(.setWithoutMessage, "\u{FFFD}B"),
                ])
            #expect(try await bench.audit.repair(report.violations).allSatisfy { !$0.isRepaired })
        }
    }

    @Test("only the queues that are asked for are read")
    func oneQueue() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("a"))
            try await bench.redis("SADD", "spanq:{@}:queues", "other")
            try await bench.redis("ZADD", "spanq:{other}:dead", "1", "ghost")
            #expect(try await bench.audit.run(queues: ["q"]).findings.isEmpty)
            #expect(try await bench.audit.run(queues: ["other"]).findings == [Finding(.setWithoutMessage, "ghost")])
            let progress = Recorder()
            #expect(try await bench.audit.run { progress.add($0.fraction) }.findings.count == 1)
            #expect(progress.values == progress.values.sorted() && progress.values.contains { $0 > 0.4 })
        }
    }
}

/// Collects what a callback is told, in one task.
private final class Recorder {
    private(set) var values: [Double] = []

    func add(_ value: Double) { values.append(value) }
}
