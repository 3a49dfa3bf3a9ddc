// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueue
import Testing

@Suite("Crashes of real processes", .serialized)
struct CrashTests {
    @Test("a job whose worker is killed runs again within its lease and a second, and completes once")
    func killedWorker() async throws {
        try await Bench.with { bench in
            let victim = try bench.worker(lease: 1000)
            let receipt = try await bench.queue.enqueue(Step(milliseconds: 4000))
            #expect(try await eventually(within: .seconds(10)) { bench.lines.contains { $0.what == "began" } })
            let heir = try bench.worker(lease: 1000)
            defer { heir.signal(SIGKILL) }
            #expect(try await eventually(within: .seconds(3)) { try await bench.queue.workers().count == 2 })
            victim.signal(SIGKILL)
            let killedAt = ContinuousClock.now
            #expect(try await eventually(within: .seconds(10)) { bench.lines.filter { $0.what == "began" }.count == 2 })
            #expect(ContinuousClock.now - killedAt < .seconds(2.2), "recovered later than the lease and a second")
            #expect(try await eventually(within: .seconds(10)) { try await bench.count(.completed) == 1 })
            let record = try await bench.record(receipt.id)
            #expect(record.run.attemptRecords.map(\.outcome) == [.lost, .completed])
            #expect(record.run.reclaims == 1)
            #expect(record.run.attempts == 1, "a lost attempt must not burn one of the job's")
            #expect(bench.lines.filter { $0.what == "ended" }.count == 1)
            let tokens = bench.lines.filter { $0.what == "began" }.map(\.token)
            #expect(tokens[0] < tokens[1])
        }
    }

    @Test("a worker that was stopped past its lease changes nothing when it comes back")
    func zombie() async throws {
        try await Bench.with { bench in
            let zombie = try bench.worker(lease: 400)
            let receipt = try await bench.queue.enqueue(Step(milliseconds: 1000))
            #expect(try await eventually(within: .seconds(10)) { bench.lines.contains { $0.what == "began" } })
            zombie.signal(SIGSTOP)
            let heir = try bench.worker(lease: 400)
            defer { heir.signal(SIGKILL) }
            #expect(try await eventually(within: .seconds(10)) { try await bench.count(.completed) == 1 })
            let before = try await bench.record(receipt.id)
            zombie.signal(SIGCONT)
            // Its sleep is long over: the handler ends, or is cancelled by the heartbeat, and then it settles in vain.
            #expect(
                try await eventually(within: .seconds(10)) {
                    bench.lines.filter { $0.what != "began" }.count == 2
                })
            zombie.signal(SIGTERM)
            #expect(try await zombie.waitUntilExit(within: .seconds(10)))
            let after = try await bench.record(receipt.id)
            #expect(after == before)
            #expect(after.run.attemptRecords.filter { $0.outcome == .completed }.count == 1)
            #expect(try await bench.queue.counts(of: ["default"])[0].totals.completed == 1)
        }
    }

    @Test("a handler that kills its process is dead after three reclaims, and others go on")
    func poisonPill() async throws {
        try await Bench.with { bench in
            let pill = try await bench.queue.enqueue(Step(dies: true), .maxRetries(25))
            var healthy: [JobID] = []
            for _ in 0..<20 { healthy.append(try await bench.queue.enqueue(Step()).id) }
            var worker = try bench.worker(lease: 300)
            let isOver = try await eventually(within: .seconds(30)) {
                if !worker.isRunning { worker = try bench.worker(lease: 300) }
                return try await bench.record(pill.id).state == .dead
            }
            defer { worker.signal(SIGKILL) }
            #expect(isOver)
            let record = try await bench.record(pill.id)
            #expect(record.run.reclaims == 3)
            #expect(record.run.endReason == "lease_expired")
            #expect(record.run.attempts == 0)
            #expect(try await eventually(within: .seconds(10)) { try await bench.count(.completed) == healthy.count })
        }
    }

    @Test("redis-server killed and restarted under load loses no job, and the worker goes on by itself")
    func redisRestart() async throws {
        try await Bench.with(["--appendonly", "yes", "--appendfsync", "everysec"]) { bench in
            let worker = try bench.worker(concurrency: 8, lease: 2000)
            defer { worker.signal(SIGKILL) }
            var accepted: [JobID] = []
            for round in 0..<3 {
                for _ in 0..<200 {
                    if let id = try? await bench.queue.enqueue(Step(milliseconds: 2)).id { accepted.append(id) }
                }
                if round < 2 { try await bench.server.restart() }
            }
            let restarted = ContinuousClock.now
            // What was claimed by a call whose reply was lost comes back when its lease lapses.
            #expect(
                try await eventually(within: .seconds(30)) {
                    let counts = try await bench.queue.counts(of: ["default"])[0]
                    return counts[.ready] + counts[.active] + counts[.retrying] == 0
                })
            #expect(ContinuousClock.now - restarted < .seconds(15))
            for id in accepted {
                let record = try await bench.record(id)
                #expect(record.state == .completed)
            }
            #expect(
                Set(bench.lines.filter { $0.what == "ended" }.map(\.id)).isSuperset(of: accepted.map(\.description)))
        }
    }

    @Test("a worker that waits idle when Redis is killed and restarted takes the next job within three seconds")
    func idleAcrossRestart() async throws {
        try await Bench.with(["--appendonly", "yes"]) { bench in
            let worker = try bench.worker(lease: 2000)
            defer { worker.signal(SIGKILL) }
            try await bench.queue.enqueue(Step())
            #expect(try await eventually(within: .seconds(10)) { try await bench.count(.completed) == 1 })
            try await bench.server.restart()
            let answered = ContinuousClock.now
            try await bench.queue.enqueue(Step())
            #expect(try await eventually(within: .seconds(10)) { try await bench.count(.completed) == 2 })
            #expect(ContinuousClock.now - answered < .seconds(3))
        }
    }

    @Test("a worker killed while it waits idle does not swallow the wake-up of another")
    func idleVictim() async throws {
        try await Bench.with { bench in
            let victim = try bench.worker()
            try await bench.queue.enqueue(Step())
            #expect(try await eventually(within: .seconds(10)) { try await bench.count(.completed) == 1 })
            let survivor = try bench.worker()
            defer { survivor.signal(SIGKILL) }
            try await bench.queue.enqueue(Step())
            #expect(try await eventually(within: .seconds(10)) { try await bench.count(.completed) == 2 })
            #expect(try await eventually(within: .seconds(10)) { try await bench.queue.workers().count == 2 })
            victim.signal(SIGKILL)
            let killed = ContinuousClock.now
            let receipt = try await bench.queue.enqueue(Step())
            #expect(
                try await eventually(within: .seconds(10)) { try await bench.record(receipt.id).state == .completed })
            // Were the wake-up lost, the survivor would look after two seconds.
            #expect(ContinuousClock.now - killed < .seconds(1))
        }
    }
}
