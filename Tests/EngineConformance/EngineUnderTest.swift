// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import SpanQueueTesting
import Testing

/// An engine on which the conformance suite runs.
struct EngineUnderTest: Sendable, CustomTestStringConvertible {
    /// Its name in the test report.
    let name: String
    /// Whether hours pass at once on it.
    let passesHours: Bool
    /// Whether what exceeds the number of completed jobs that are kept goes with the settlement, and not only with a sweep.
    var trimsAtOnce = true
    /// Whether it stands behind a gateway, and is asked through that.
    var isServed = false
    /// Finds what is wrong in the store, after a test; nil where there is nothing that looks.
    var auditor: @Sendable (any Engine) -> (any EngineAuditor)? = { _ in nil }
    /// Makes a fresh engine, not started yet, and says how time passes on it.
    let make: @Sendable () async throws -> (engine: any Engine, pass: @Sendable (Duration) async throws -> Void)

    var testDescription: String { name }

    /// The engines; a further one is added here and described in a file of its own. `SPANQ_TEST_ENGINE` names one of them. With
    /// `SPANQ_TEST_GATEWAY=1` each is asked through a gateway.
    static let all: [EngineUnderTest] = [.memory, .redis, .postgres].filter { engine in
        let wanted = ProcessInfo.processInfo.environment["SPANQ_TEST_ENGINE"]
        return wanted == nil || wanted == engine.name
    }.map { ProcessInfo.processInfo.environment["SPANQ_TEST_GATEWAY"] == "1" ? $0.served : $0 }

    /// Those that are asked by their own client: for what no rpc does, and what a gateway does in another way. docs/engines.md has the reasons.
    static let direct = all.filter { !$0.isServed }

    /// Those on which a test of long times can run.
    static let passingHours = all.filter(\.passesHours)

    /// The in-memory engine on a clock that the tests move.
    static let memory = EngineUnderTest(name: "memory", passesHours: true) {
        let clock = ManualClock()
        return (
            InMemoryEngine(clock: clock),
            { duration in
                // Others get a turn before, as they do where time passes by itself: so a wait has begun, most often.
                for _ in 0..<100 { await Task.yield() }
                clock.advance(by: duration)
            }
        )
    }

    private func audit(_ engine: any Engine) async throws {
        guard let auditor = auditor(engine) else { return }
        let report = try await auditor.run(
            queues: nil, maxReclaims: ReclaimRequest.standardMaxReclaims, progress: { _ in })
        for violation in report.violations { Issue.record("\(violation)") }
    }

    /// Runs a test on a started engine and a queue of its own, then checks the invariants and shuts the engine down.
    func run(_ body: (Bench) async throws -> Void) async throws {
        let (engine, pass) = try await make()
        try await engine.start()
        let bench = Bench(engine: engine, queue: "q-\(UUID().uuidString.lowercased())", passTime: pass)
        do {
            try await body(bench)
            try await bench.checkInvariants()
            try await audit(engine)
        } catch {
            await engine.shutdown()
            throw error
        }
        await engine.shutdown()
    }
}
