// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import Testing

@testable import SpanQueueRedis

@Suite("The list of queues", .timeLimit(.minutes(1)))
struct AnnouncementTests {
    @Test("a job is added although its queue can't be listed, and the next one lists it")
    func unlisted() async throws {
        try await AuditBench.with { bench in
            try await bench.redis("SET", "spanq:{@}:queues", "not a set")
            try await bench.enqueue(bench.job("1"))
            #expect(try await bench.redis("HLEN", ":jobs").integer() == 1)
            try await bench.redis("DEL", "spanq:{@}:queues")
            try await bench.enqueue(bench.job("2"))
            #expect(try await bench.redis("SISMEMBER", "spanq:{@}:queues", "q").integer() == 1)
        }
    }

    @Test("a queue is listed once a connection")
    func once() async throws {
        try await AuditBench.with { bench in
            for number in 1...5 { try await bench.enqueue(bench.job("\(number)")) }
            #expect(try await bench.redis("INFO", "commandstats").string().contains("cmdstat_sadd:calls=1,"))
            bench.engine.noteGap()
            for number in 6...9 { try await bench.enqueue(bench.job("\(number)")) }
            #expect(try await bench.redis("INFO", "commandstats").string().contains("cmdstat_sadd:calls=2,"))
        }
    }
}
