// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

/// Exact, so any change shows. Where a count has fallen, lower it here.
@Suite("What an enqueue costs Redis", .serialized)
struct EnqueueCostTests {
    /// What the script calls for a batch of plain jobs, whatever their number, while somebody is to be woken already.
    private static let plainBatch = ["time": 1, "hmget": 1, "hset": 1, "hincrby": 1, "rpush": 1, "llen": 1]

    @Test("one job is one command, and six inside its script")
    func one() async throws {
        try await CostBench.with { bench in
            // The first of a connection lists the queue and wakes workers.
            try await bench.queue.enqueue(Idle())
            let counts = try await bench.commands { try await bench.queue.enqueue(Idle()) }
            #expect(counts == Self.plainBatch.merging(["evalsha": 1]) { $1 })
        }
    }

    @Test("the first on a queue lists the queue and pushes the wake-ups")
    func first() async throws {
        try await CostBench.with { bench in
            let counts = try await bench.commands { try await bench.queue.enqueue(Idle()) }
            #expect(counts == Self.plainBatch.merging(["evalsha": 1, "sadd": 1, "rpush": 2]) { $1 })
        }
    }

    @Test("1,000 jobs in an array are eight commands, and six inside each")
    func bulk() async throws {
        try await CostBench.with { bench in
            try await bench.queue.enqueue(Idle())
            let requests = (0..<1000).map { _ in EnqueueRequest(Idle()) }
            let counts = try await bench.commands { _ = try await bench.queue.enqueue(requests) }
            #expect(counts == Self.plainBatch.mapValues { 8 * $0 }.merging(["evalsha": 8]) { $1 })
        }
    }

    @Test("a batch of delayed, prioritised and unique jobs costs a constant number of commands")
    func extended() async throws {
        try await CostBench.with { bench in
            try await bench.queue.enqueue(Idle())
            let requests = (0..<120).map { number in
                switch number % 3 {
                case 0: EnqueueRequest(Idle(), .delay(.hours(1)))
                case 1: EnqueueRequest(Idle(), .priority(5))
                default: EnqueueRequest(Idle(filling: "\(number)"), .unique(for: .hours(1)))
                }
            }
            let counts = try await bench.commands { _ = try await bench.queue.enqueue(requests) }
            #expect(
                counts == [
                    "evalsha": 1, "time": 1, "hmget": 2, "hset": 2, "hincrby": 2, "rpush": 1, "zadd": 3, "llen": 1,
                ])
        }
    }

    @Test("64 tasks that enqueue one job after the other share their commands: at most one for eight jobs")
    func tasks() async throws {
        try await CostBench.with { bench in
            try await bench.queue.enqueue(Idle())
            let jobs = 64 * 20
            let counts = try await bench.commands {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<64 {
                        group.addTask { for _ in 0..<20 { try await bench.queue.enqueue(Idle()) } }
                    }
                    try await group.waitForAll()
                }
            }
            let commands = try #require(counts["evalsha"])
            #expect(commands <= jobs / 8, "\(commands) commands for \(jobs) jobs")
        }
    }
}
