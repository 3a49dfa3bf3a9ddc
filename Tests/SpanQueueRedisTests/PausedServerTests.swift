// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue
import Testing

@Suite("A server that holds up writes", .timeLimit(.minutes(1)))
struct PausedServerTests {
    /// As it does in a failover. Redis 7.0 panics when a `CLIENT UNBLOCK` meets a pop that it holds up.
    @Test("outlives the end of a wait, which comes when the writes go on")
    func waitThroughPause() async throws {
        try await AuditBench.with { bench in
            try await bench.redis("CLIENT", "PAUSE", "500", "WRITE")
            let began = ContinuousClock.now
            try await bench.engine.waitForWork(in: ["q"], atMost: .milliseconds(50))
            #expect(ContinuousClock.now - began > .milliseconds(300))
            #expect(try await bench.redis("INFO", "clients").string().contains("blocked_clients:0"))
            // It is the same server still.
            #expect(try await bench.redis("INFO", "commandstats").string().contains("cmdstat_client|pause:calls=1,"))
        }
    }
}
