// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GatewayEngine
import ModelDriver
import Testing

/// An engine behind a gateway against the model, under faults; see docs/reliability.md. `SPANQ_MODEL_SEEDS` is how many seeds,
/// `SPANQ_MODEL_FIRST` the first of them.
@Suite("the model through a gateway", .serialized) struct GatewayModelTests {
    private func number(_ name: String, orElse standard: UInt64) -> UInt64 {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } ?? standard
    }

    @Test("seeds of 100 steps leave Redis as the model says, after each step")
    func redis() async throws {
        let stage = try await Stage.start()
        let engine = GatewayEngine(stage.engine, isRunning: true)
        try await engine.start()
        await check(Runs(on: stage, through: engine), seeds: 8)
        await engine.shutdown()
        await stage.stop()
    }

    @Test("seeds of 100 steps leave Postgres as the model says, after each step")
    func postgres() async throws {
        let stage = try await PostgresStage.start()
        let engine = GatewayEngine(stage.engine, isRunning: true)
        try await engine.start()
        await check(Runs(on: stage, through: engine), seeds: 3)
        await engine.shutdown()
        await stage.stop()
    }

    private func check(_ runs: Runs, seeds: UInt64) async {
        var runs = runs
        let first = number("SPANQ_MODEL_FIRST", orElse: 1)
        for seed in first..<(first + number("SPANQ_MODEL_SEEDS", orElse: seeds)) {
            let steps = StepList.make(seed: seed, count: 100, faults: runs.faults)
            guard let failure = await runs.failure(of: steps) else { continue }
            Issue.record("seed \(seed): \(failure)\n\(await runs.report(on: steps, seed: seed))")
            break
        }
        #expect(runs.coverage.unexpected.isEmpty)
    }
}
