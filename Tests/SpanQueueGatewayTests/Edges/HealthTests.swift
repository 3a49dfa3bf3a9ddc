// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTelemetry
import Synchronization
import Testing

@testable import SpanQueueGateway

@Suite("Health", .timeLimit(.minutes(1)))
struct HealthTests {
    @Test(
        "it serves until its engine has been away for five seconds, serves again with an answer, and never after a drain"
    )
    func states() {
        let start = ContinuousClock.now
        var state = HealthState(at: start)
        func look(_ moment: ContinuousClock.Instant) -> Bool { state.look(at: moment) }
        #expect(state.isServing)
        #expect(!look(start + .milliseconds(4999)))
        #expect(state.isServing)
        #expect(look(start + .seconds(5)))
        #expect(!state.isServing)
        #expect(!look(start + .seconds(9)))
        state.answered(at: start + .seconds(10))
        #expect(look(start + .seconds(10)))
        #expect(state.isServing)
        // A late word of an earlier answer changes nothing.
        state.answered(at: start)
        #expect(!look(start + .seconds(14)))
        state.drain()
        #expect(look(start + .seconds(14)))
        state.answered(at: start + .seconds(15))
        #expect(!look(start + .seconds(15)))
        #expect(!state.isServing)
    }

    @Test("watchers are told how it is, then each change, and are forgotten when they go")
    func watchers() async throws {
        let health = GatewayHealth {}
        do {
            var watch = health.watch().makeAsyncIterator()
            #expect(await watch.next() == true)
            let later = ContinuousClock.now + .seconds(6)
            health.change(at: later) { _ in }
            #expect(await watch.next() == false)
            health.change(at: later) { $0.answered(at: later) }
            #expect(await watch.next() == true)
            health.change(at: later) { $0.answered(at: later) }
            health.drain()
            #expect(await watch.next() == false)
            #expect(health.watching == 1)
        }
        try await eventually("the watcher is forgotten") { health.watching == 0 }
    }

    @Test("an engine that gives no answer is asked once a second at most, and does not keep the verdict waiting")
    func asks() async throws {
        let asked = Mutex(0)
        let health = GatewayHealth {
            asked.withLock { $0 += 1 }
            try await Task.sleep(for: .seconds(3600))
        }
        let running = Task { try await health.run() }
        try await eventually("it is asked") { asked.withLock { $0 } == 1 }
        try await eventually("it serves no more") { !health.isServing }
        #expect(asked.withLock { $0 } == 1)
        running.cancel()
        try await running.value
    }

    @Test("connections beyond the most are refused, and make room when they go")
    func connections() throws {
        let registry = MetricsRegistry()
        let limit = try ConnectionLimit(2, registry)
        #expect(limit.enter() && limit.enter() && !limit.enter())
        limit.leave()
        #expect(limit.enter() && !limit.enter())
    }
}
