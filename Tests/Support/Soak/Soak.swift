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
        commandName: "soak", abstract: "Run seeds of the model test against a redis-server of its own.")

    @Option(help: "The number of seeds to run.")
    var seeds: UInt64?
    @Option(help: "Stop after so many seconds.")
    var seconds: Int?
    @Option(help: "The first seed.")
    var first: UInt64 = 1
    @Option(help: "The steps of each seed.")
    var steps = 200
    @Option(help: "A directory with scripts to run instead of the embedded ones, by name.")
    var scripts: String?
    @Option(help: "A file of steps to run instead of seeds.")
    var replay: String?
    @Flag(help: "Do not look for a shorter list of steps that fails.")
    var noShrink = false

    func run() async throws {
        let stage = try await Stage.start(scripts: scripts.map(Scripts.replaced(from:)) ?? .embedded)
        var runs = Runs(on: stage)
        let failed: Bool
        if let replay {
            let steps = try StepList.read(String(contentsOfFile: replay, encoding: .utf8))
            failed = await fails(steps, seed: nil, &runs)
        } else {
            failed = await runSeeds(&runs)
        }
        await stage.stop()
        if failed { throw ExitCode.failure }
    }

    private func runSeeds(_ runs: inout Runs) async -> Bool {
        let start = ContinuousClock.now
        let last = seeds.map { first + $0 } ?? (seconds == nil ? first + 2000 : .max)
        var lastLine = start
        var seed = first
        while seed < last, seconds.map({ ContinuousClock.now - start < .seconds($0) }) ?? true {
            if await fails(StepList.make(seed: seed, count: steps), seed: seed, &runs) { return true }
            seed += 1
            if ContinuousClock.now - lastLine > .seconds(10) {
                lastLine = .now
                tell(runs, seeds: seed - first, since: start)
            }
        }
        tell(runs, seeds: seed - first, since: start)
        let missing = runs.coverage.missing
        print("covered \(Coverage.requiredCount - missing.count) of \(Coverage.requiredCount) moves × faults")
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
