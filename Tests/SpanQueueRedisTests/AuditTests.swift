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

    @Test("each kind of damage is found, exactly, and mended where that loses nothing", arguments: Damage.all)
    func damage(_ damage: Damage) async throws {
        try await AuditBench.with { bench in
            try await bench.fill()
            try await damage.plant(bench)
            let report = try await bench.audit.run()
            #expect(report.findings == damage.findings)
            let outcomes = try await bench.audit.mend(report.violations)
            for outcome in outcomes {
                #expect(outcome.isMended == outcome.violation.rule.isMendable, "\(outcome.violation)")
            }
            #expect(try await bench.audit.run().findings == damage.left)
            // Nothing is left to mend, and mending once more changes nothing.
            let digest = try await bench.redis("DEBUG", "DIGEST").string()
            _ = try await bench.audit.mend(report.violations)
            #expect(try await bench.redis("DEBUG", "DIGEST").string() == digest)
        }
    }

    @Test("every rule has a damage that breaks it")
    func everyRule() {
        #expect(Set(Damage.all.flatMap { $0.findings.map(\.rule) }) == Set(AuditRule.allCases))
    }

    @Test("all damage at once is found at once, and one repair mends it")
    func allAtOnce() async throws {
        try await AuditBench.with { bench in
            try await bench.fill()
            // Of those that touch the same job only one can be there.
            let names: Set = [
                "ready and scheduled", "priority and cancelled", "ready and completed", "twice completed",
                "ids that never were jobs", "jobs out of their sorted sets", "a lock of a job that is gone",
                "a lock that was released too early", "a lock that no sweep will find",
                "too many enqueued", "a worker for ever",
            ]
            let damages = Damage.all.filter { names.contains($0.name) }
            for damage in damages { try await damage.plant(bench) }
            let report = try await bench.audit.run()
            #expect(report.findings.isSuperset(of: damages.flatMap(\.findings).filter { $0.rule != .totals }))
            _ = try await bench.audit.mend(report.violations)
            #expect(try await bench.audit.run().violations == [])
        }
    }

    @Test("a job that was lost is a dead letter after the repair, can be redriven, and runs")
    func lostJob() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("lost", unique: bench.lock(1, .untilFinished)))
            try await bench.redis("DEL", ":ready")
            _ = try await bench.audit.mend(try await bench.audit.run().violations)
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
            _ = try await bench.audit.mend(try await bench.audit.run().violations)
            #expect(try await bench.audit.run().findings.isEmpty)
            #expect(try await bench.engine.reclaim(ReclaimRequest(queue: "q")).map(\.reference.id) == ["stuck"])
            let again = try #require(try await bench.claim().first)
            #expect(again.run.reclaims == 1 && again.reference.token > claimed.reference.token)
            #expect(try await bench.audit.run().findings.isEmpty)
        }
    }

    @Test("a violation that has healed itself is not mended, and one that has changed neither")
    func changedMeanwhile() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("a"), bench.job("b", unique: bench.lock(1, .untilFinished)))
            try await bench.redis("DEL", ":ready")
            try await bench.redis("HDEL", ":unique", String(decoding: AuditBench.digest(1), as: UTF8.self))
            let report = try await bench.audit.run()
            #expect(report.violations.count == 3)
            try await bench.redis("HSET", ":runs", "a", "\u{1}\u{0}\u{0}\u{0}")
            try await bench.redis("ZADD", ":cancelled", "1", "b")
            #expect(try await bench.audit.mend(report.violations).allSatisfy { !$0.isMended })
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
            #expect(try await bench.audit.mend(report.violations).allSatisfy { !$0.isMended })
        }
    }

    @Test("only the queues that are asked for are read")
    func oneQueue() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("a"))
            try await bench.redis("SADD", "spanq:queues", "other")
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
