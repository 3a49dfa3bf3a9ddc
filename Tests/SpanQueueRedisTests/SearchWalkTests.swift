// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue
import Synchronization
import Testing

@testable import SpanQueueRedis

@Suite("The walk of a search while jobs move", .serialized)
struct SearchWalkTests {
    private static let runs = 50

    /// Walks through a state a page at a time; `move` changes what it likes after each page, told the last id that was given.
    private func walk(
        _ bench: AuditBench, _ request: SearchRequest, move: (JobID?) async throws -> Void
    ) async throws -> [JobID] {
        var request = request
        var ids: [JobID] = []
        for _ in 0..<10_000 {
            let step = try await bench.engine.search(request)
            ids += step.jobs.map(\.message.id)
            guard let cursor = step.cursor else { return ids }
            request.cursor = cursor
            try await move(step.jobs.last?.message.id)
        }
        Issue.record("the walk does not come to an end")
        return ids
    }

    @Test("in a set each job that stays is met once, where many have the same score and others leave and come back")
    func set() async throws {
        try await AuditBench.with { bench in
            // Mixed with each other where they stand in the order of their ids.
            let stays = (0..<60).map { "\($0)-stays" }
            let moves = (0..<60).map { "\($0)-moves" }
            for id in stays + moves { try await bench.settle(bench.start(bench.job(id)), .bury(.permanent)) }
            var generator = SystemRandomNumberGenerator()
            func score() -> String { "\(1_800_000_000_000 + Int.random(in: 0..<4, using: &generator))" }
            for run in 0..<Self.runs {
                for id in stays + moves { try await bench.redis("ZADD", ":dead", score(), id) }
                let query = run % 2 == 0 ? JobQuery() : JobQuery(type: "test")
                let request = SearchRequest(
                    queue: bench.queue, state: .dead, query: query, limit: 1 + run % 7, newestFirst: run % 3 == 0)
                let met = try await walk(bench, request) { last in
                    for _ in 0..<3 {
                        let id = moves.randomElement(using: &generator) ?? ""
                        try await bench.redis("ZREM", ":dead", id)
                        if Bool.random(using: &generator) { try await bench.redis("ZADD", ":dead", score(), id) }
                    }
                    // Also the one behind which the next page begins.
                    if let last, last.description.hasSuffix("moves"), Bool.random(using: &generator) {
                        try await bench.redis("ZREM", ":dead", last.description)
                        if Bool.random(using: &generator) {
                            try await bench.redis("ZADD", ":dead", score(), last.description)
                        }
                    }
                }
                let kept = met.map(\.description).filter { $0.hasSuffix("stays") }
                #expect(kept.count == stays.count && Set(kept) == Set(stays), "run \(run)")
            }
        }
    }

    @Test(
        "in a list each job that stays is met once, in its order, where others are claimed, added, taken out and moved into the set"
    )
    func list() async throws {
        try await AuditBench.with(nearEntries: 5) { bench in
            var generator = SystemRandomNumberGenerator()
            var made = 0
            func enqueue(_ count: Int) async throws -> [JobID] {
                let jobs = (0..<count).map { _ in
                    made += 1
                    return bench.job("job-\(made)")
                }
                _ = try await bench.engine.enqueue(jobs)
                return jobs.map(\.message.id)
            }
            for run in 0..<Self.runs {
                var all = try await enqueue(80)
                let first = all
                var gone: Set<JobID> = []
                let query = run % 2 == 0 ? JobQuery() : JobQuery(type: "test")
                let request = SearchRequest(queue: bench.queue, state: .ready, query: query, limit: 1 + run % 6)
                var moves = 0
                let met = try await walk(bench, request) { last in
                    // Else it might never come to the end of what is added.
                    moves += 1
                    if moves > 60 { return }
                    for job in try await bench.claim(Int.random(in: 0...2, using: &generator)) {
                        gone.insert(job.message.id)
                        try await bench.settle(job, .complete)
                    }
                    all += try await enqueue(Int.random(in: 0...2, using: &generator))
                    if run % 5 == 1, Int.random(in: 0..<8, using: &generator) == 0 {
                        _ = try await bench.engine.lift(.ready, of: bench.queue, looking: nil)
                    }
                    let victim = Bool.random(using: &generator) ? last : all.randomElement(using: &generator)
                    if run % 4 > 1, let victim, !gone.contains(victim) {
                        _ = try await bench.engine.perform(.remove, on: victim, in: bench.queue, by: nil)
                        gone.insert(victim)
                    }
                }
                #expect(Set(met).count == met.count, "run \(run)")
                #expect(Set(first).subtracting(gone).isSubset(of: met), "run \(run)")
                #expect(met == met.sorted { number(of: $0) < number(of: $1) }, "run \(run)")
                while case let jobs = try await bench.claim(100), !jobs.isEmpty {
                    for job in jobs { try await bench.settle(job, .complete) }
                }
            }
            #expect(try await bench.audit.run().findings.isEmpty)
        }
    }

    private func number(of id: JobID) -> Int { Int(id.description.dropFirst(4)) ?? -1 }

    @Test("of completed jobs each that stays is met once, the newest first, while the oldest go and new ones come")
    func completed() async throws {
        try await AuditBench.with { bench in
            func complete(_ ids: [String]) async throws {
                for id in ids { try await bench.settle(bench.start(bench.job(id)), .complete) }
            }
            try await complete((0..<60).map { "job-\($0)" })
            for run in 0..<10 {
                var added = 0
                let before = try await bench.engine.list(
                    ListRequest(queue: bench.queue, state: .completed, limit: 1000)
                ).jobs.map(\.message.id)
                var gone: Set<JobID> = []
                let request = SearchRequest(
                    queue: bench.queue, state: .completed, query: run % 2 == 0 ? JobQuery() : JobQuery(type: "*"),
                    limit: 1 + run % 4, newestFirst: true)
                let met = try await walk(bench, request) { last in
                    added += 1
                    try await complete(["new-\(run)-\(added)"])
                    let head = try await bench.redis("LINDEX", ":completed", "0").optionalBytes()
                    var victims = [head.map { JobID(unchecked: String(decoding: $0, as: UTF8.self)) }]
                    // The first has none before it: of those that ended in its millisecond some would be met again.
                    if run % 3 == 0, added > 1 { victims.append(last) }
                    for case let victim? in victims {
                        _ = try await bench.engine.perform(.remove, on: victim, in: bench.queue, by: nil)
                        gone.insert(victim)
                    }
                }
                #expect(Set(met).count == met.count, "run \(run)")
                #expect(Set(before).subtracting(gone).isSubset(of: met), "run \(run)")
                #expect(Set(met).isSubset(of: before), "run \(run)")
            }
        }
    }

    @Test(
        "while others enqueue, claim, complete, bury, put off and remove as fast as they can, each job that stays is met once"
    )
    func live() async throws {
        try await AuditBench.with { bench in
            let kept = Retention.duration(.hours(1))
            for number in 0..<40 {
                try await bench.settle(bench.start(bench.job("stays-d\(number)")), .bury(.permanent))
                try await bench.settle(bench.start(bench.job("stays-c\(number)", retention: kept)), .complete)
                try await bench.settle(bench.start(bench.job("stays-r\(number)")), .retry(after: .hours(1)))
                try await bench.enqueue(bench.job("stays-s\(number)", delay: .hours(1)))
            }
            // Many of the same score: only ids tell them apart.
            for number in 0..<40 { try await bench.redis("ZADD", ":dead", "1800000000000", "stays-d\(number)") }
            let moves = Moves()
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for mover in 0..<3 {
                    tasks.addTask { try await Self.move(bench, mover, moves) }
                }
                defer { moves.state.withLock { $0.isOver = true } }
                while moves.state.withLock({ $0.count }) < 200 { try await Task.sleep(for: .milliseconds(2)) }
                for run in 0..<4 {
                    for (state, letter) in [
                        (JobState.dead, "d"), (.completed, "c"), (.retrying, "r"), (.scheduled, "s"),
                    ] {
                        let request = SearchRequest(
                            queue: bench.queue, state: state, query: run % 2 == 0 ? JobQuery() : JobQuery(type: "test"),
                            limit: 3 + run % 9, newestFirst: state.isNewestFirst)
                        let met = try await walk(bench, request) { _ in }
                        let stayed = met.map(\.description).filter { $0.hasPrefix("stays-") }
                        #expect(
                            stayed.count == 40 && Set(stayed) == Set((0..<40).map { "stays-\(letter)\($0)" }),
                            "run \(run), \(state)")
                    }
                }
                moves.state.withLock { $0.isOver = true }
                try await tasks.waitForAll()
            }
            #expect(moves.state.withLock { $0.count } > 1000)
        }
    }

    private final class Moves: Sendable {
        let state = Mutex((count: 0, isOver: false))
    }

    /// Moves jobs of its own through all states until that is over.
    private static func move(
        _ bench: AuditBench, _ mover: Int, _ moves: Moves
    ) async throws {
        // Before and behind those that stay: what only came behind them might have no end.
        func later() -> Duration { .seconds(Int64.random(in: 600..<6600)) }
        var round = 0
        var old: [JobID] = []
        while !moves.state.withLock({ $0.isOver }) {
            round += 1
            let jobs = (0..<20).map { bench.job("moves-\(mover)-\(round)-\($0)") }
            _ = try await bench.engine.enqueue(jobs)
            _ = try await bench.engine.enqueue([bench.job("moves-\(mover)-\(round)-later", delay: later())])
            let verdicts: [Verdict] = [.complete, .bury(.permanent), .retry(after: later()), .complete, .release]
            let claimed = try await bench.claim(20)
            _ = try await bench.engine.settleAll(
                claimed.enumerated().map { bench.settlement(of: $1, verdicts[$0 % verdicts.count]) })
            // Dead letters go in two ways, and others are forgotten.
            for (index, id) in old.enumerated() where index % 2 == round % 2 {
                let action: JobAction = index % 3 == 0 ? .redrive : .remove
                _ = try await bench.engine.perform(action, on: id, in: bench.queue, by: nil)
            }
            old = claimed.map(\.message.id) + [JobID(unchecked: "moves-\(mover)-\(round)-later")]
            moves.state.withLock { $0.count += claimed.count }
        }
    }

    @Test("a job that is far from where it was is looked for in bounded steps")
    func far() async throws {
        try await AuditBench.with { bench in
            let ids = (0..<6000).map { "job-\($0)" }
            _ = try await bench.engine.enqueue(ids.map { bench.job($0) })
            var request = SearchRequest(queue: bench.queue, state: .ready, query: JobQuery(), limit: 1000)
            var met: [JobID] = []
            for _ in 0..<5 {
                let step = try await bench.engine.search(request)
                met += step.jobs.map(\.message.id)
                request.cursor = step.cursor
            }
            for _ in 0..<9 { _ = try await bench.redis("LPOP", ":ready", "500") }
            var steps = 0
            while request.cursor != nil {
                let step = try await bench.engine.search(request)
                met += step.jobs.map(\.message.id)
                request.cursor = step.cursor
                steps += 1
            }
            #expect(met.map(\.description) == ids)
            // Two that find nothing yet, and two for what is left.
            #expect((3...5).contains(steps))
        }
    }
}
