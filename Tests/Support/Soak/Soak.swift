// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Foundation
import ModelDriver
import SpanQueueRedis

/// Runs the model test for as long as one likes.
@main
struct Soak: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak", abstract: "Run seeds of the model test against a redis-server, or a Postgres, of its own.")

    @Option(help: "The number of seeds to run.")
    var seeds: UInt64?
    @Option(help: "Stop after so many seconds.")
    var seconds: Int?
    @Option(help: "The first seed.")
    var first: UInt64 = 1
    @Option(help: "The steps of each seed.")
    var steps = 200
    @Option(help: "What to run on: redis or postgres.")
    var engine = "redis"
    @Option(help: "A file of SQL with functions to put in the place of those of the Postgres engine.")
    var sql: String?
    @Option(help: "A directory with scripts to run instead of the embedded ones, by name.")
    var scripts: String?
    @Option(help: "A file of steps to run instead of seeds.")
    var replay: String?
    @Flag(help: "Do not look for a shorter list of steps that fails.")
    var noShrink = false

    func run() async throws {
        guard engine == "redis" || engine == "postgres" else {
            throw ValidationError("--engine: use redis or postgres")
        }
        if engine == "postgres" {
            let stage = try await PostgresStage.start(
                functions: try sql.map { try String(contentsOfFile: $0, encoding: .utf8) })
            let failed = try await run(Runs(on: stage))
            await stage.stop()
            if failed { throw ExitCode.failure }
        } else {
            let stage = try await Stage.start(scripts: scripts.map(Scripts.replaced(from:)) ?? .embedded)
            let failed = try await run(Runs(on: stage))
            await stage.stop()
            if failed { throw ExitCode.failure }
        }
    }

    private func run(_ runs: Runs) async throws -> Bool {
        var runs = runs
        guard let replay else { return await runSeeds(&runs) }
        let steps = try StepList.read(String(contentsOfFile: replay, encoding: .utf8))
        return await fails(steps, seed: nil, &runs)
    }

    private func runSeeds(_ runs: inout Runs) async -> Bool {
        let start = ContinuousClock.now
        let last = seeds.map { first + $0 } ?? (seconds == nil ? first + 2000 : .max)
        var lastLine = start
        var seed = first
        while seed < last, seconds.map({ ContinuousClock.now - start < .seconds($0) }) ?? true {
            if await fails(StepList.make(seed: seed, count: steps, faults: runs.faults), seed: seed, &runs) {
                return true
            }
            seed += 1
            if ContinuousClock.now - lastLine > .seconds(10) {
                lastLine = .now
                tell(runs, seeds: seed - first, since: start)
            }
        }
        tell(runs, seeds: seed - first, since: start)
        let missing = runs.coverage.missing
        let required = runs.coverage.requiredCount
        print("covered \(required - missing.count) of \(required) moves × faults")
        for move in missing { print("  missing: \(move)") }
        for move in runs.coverage.unexpected { print("  unexpected: \(move)") }
        return !runs.coverage.unexpected.isEmpty
    }

    private func fails(_ steps: [Step], seed: UInt64?, _ runs: inout Runs) async -> Bool {
        guard let failure = await runs.failure(of: steps) else { return false }
        print("seed \(seed.map(String.init) ?? "-") FAILED: \(failure)")
        if !noShrink {
            print("\nkeep this in Tests/ModelTests/Regressions:\n\(await runs.report(on: steps, seed: seed))")
        }
        return true
    }

    private func tell(_ runs: Runs, seeds: UInt64, since start: ContinuousClock.Instant) {
        let elapsed = Double((ContinuousClock.now - start).components.seconds) + 0.001
        let rate = Int(Double(runs.coverage.steps) / max(1, elapsed))
        print("\(seeds) seeds, \(runs.coverage.steps) steps without a violation, \(rate) steps/s")
        fflush(nil)
    }
}
