// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import ModelDriver
import SpanQueueRedis
import Testing

/// The engine on a real redis-server against the model, under faults; see docs/reliability.md.
@Suite(.serialized) struct ModelTests {
    @Test("300 seeds of 100 steps leave Redis as the model says, after each step")
    func seeds() async throws {
        let stage = try await Stage.start()
        var runs = Runs(on: stage)
        for seed in 1...UInt64(300) {
            let steps = StepList.make(seed: seed, count: 100)
            guard let failure = await runs.failure(of: steps) else { continue }
            Issue.record("seed \(seed): \(failure)\n\(await runs.report(on: steps, seed: seed))")
            break
        }
        #expect(runs.coverage.unexpected.isEmpty)
        await stage.stop()
    }

    @Test("On a node of a Redis Cluster no script touches two hash slots")
    func cluster() async throws {
        let stage = try await Stage.start(asCluster: true)
        var runs = Runs(on: stage)
        for seed in 1000..<UInt64(1040) {
            let failure = await runs.failure(of: StepList.make(seed: seed, count: 100))
            #expect(failure == nil, "seed \(seed)")
        }
        await stage.stop()
    }

    @Test("What once failed does not fail again", arguments: try Regression.all())
    func regressions(_ regression: Regression) async throws {
        let stage = try await Stage.start()
        var runs = Runs(on: stage)
        let failure = await runs.failure(of: try StepList.read(regression.text))
        #expect(failure == nil)
        await stage.stop()
    }

    @Test("A script without its check of the lease is found out, with few steps and the same each time")
    func brokenScript() async throws {
        let scripts = Scripts { name, source in
            guard name == "update" else { return source }
            let check = "if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end"
            let text = String(decoding: source, as: UTF8.self)
            #expect(text.contains(check))
            return [UInt8](text.replacingOccurrences(of: check, with: "").utf8)
        }
        let stage = try await Stage.start(scripts: scripts)
        var runs = Runs(on: stage)
        for seed in 1...UInt64(100) {
            let steps = StepList.make(seed: seed, count: 100)
            guard let failure = await runs.failure(of: steps) else { continue }
            #expect(await runs.failure(of: steps) == failure)
            let report = await runs.report(on: steps, seed: seed)
            let shortest = try StepList.read(report)
            #expect(shortest.count < 12)
            #expect(await runs.failure(of: shortest) != nil)
            return await stage.stop()
        }
        Issue.record("nobody noticed")
        await stage.stop()
    }
}
