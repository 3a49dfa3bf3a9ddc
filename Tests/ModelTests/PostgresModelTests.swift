// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import ModelDriver
import Testing

/// The engine on a real Postgres against the model, under faults; see docs/reliability.md. `SPANQ_MODEL_SEEDS` is how many seeds,
/// `SPANQ_MODEL_FIRST` the first of them; `SPANQ_TEST_SQL` names a file with functions to put in the place of ours.
@Suite(.serialized) struct PostgresModelTests {
    private let environment = ProcessInfo.processInfo.environment

    private func number(_ name: String, orElse standard: UInt64) -> UInt64 {
        environment[name].flatMap { UInt64($0) } ?? standard
    }

    @Test("Seeds of 100 steps leave Postgres as the model says, after each step")
    func seeds() async throws {
        let functions = try environment["SPANQ_TEST_SQL"].map { try String(contentsOfFile: $0, encoding: .utf8) }
        let stage = try await PostgresStage.start(functions: functions)
        var runs = Runs(on: stage)
        let first = number("SPANQ_MODEL_FIRST", orElse: 1)
        for seed in first..<(first + number("SPANQ_MODEL_SEEDS", orElse: 16)) {
            let steps = StepList.make(seed: seed, count: 100, faults: runs.faults)
            guard let failure = await runs.failure(of: steps) else { continue }
            // Said at once: to make it shorter takes minutes, where a connection is cut in it.
            Issue.record("seed \(seed): \(failure)")
            if functions == nil { Issue.record("\(await runs.report(on: steps, seed: seed))") }
            break
        }
        #expect(runs.coverage.unexpected.isEmpty)
        await stage.stop()
    }
}
