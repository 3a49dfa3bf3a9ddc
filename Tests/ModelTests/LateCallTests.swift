// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ModelDriver
import SpanQueue
import Testing

/// Calls that reach Redis after the time for which their callers waited.
@Suite(.serialized) struct LateCallTests {
    /// Makes a call that Redis holds up until the clock has passed the call's limit.
    private func holdUp<Value: Sendable>(
        _ stage: Stage, cancelling: Bool, _ call: @escaping @Sendable () async throws -> Value
    ) async throws -> Result<Value, any Error> {
        try await stage.send(["CLIENT", "PAUSE", "60000", "WRITE"])
        let task = Task { try await call() }
        // Until Redis has it; a call that comes later still finds the clock moved on, and is late as well.
        let deadline = ContinuousClock.now + .seconds(10)
        while try await stage.blockedClients() == 0, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(5))
        }
        if cancelling { task.cancel() }
        try await stage.advance(by: .minutes(6))
        try await stage.send(["CLIENT", "UNPAUSE"])
        return await task.result
    }

    @Test("A claim that comes too late takes no job, and the next one does")
    func claim() async throws {
        let stage = try await Stage.startUnderTest()
        let request = ClaimRequest(queue: Stage.queue, limit: 1, lease: .seconds(30), worker: "w")
        _ = try await stage.engine.enqueue([stage.job(1)])
        let result = try await holdUp(stage, cancelling: false) { try await stage.engine.claim(request) }
        #expect(throws: SpanQueueError.self) { try result.get() }
        #expect(try await stage.engine.claim(request).jobs.count == 1)
        await stage.stop()
    }

    @Test("An enqueue whose caller gave up adds no job when it comes too late")
    func enqueue() async throws {
        let stage = try await Stage.startUnderTest()
        _ = try await stage.engine.enqueue([stage.job(1)])
        let result = try await holdUp(stage, cancelling: true) { try await stage.engine.enqueue([stage.job(2)]) }
        #expect(throws: CancellationError.self) { try result.get() }
        #expect(try await stage.engine.counts(of: [Stage.queue]).first?.totals.enqueued == 1)
        await stage.stop()
    }
}
