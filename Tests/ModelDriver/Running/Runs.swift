// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// Runs of seeds on one server after another's end, and what to do about one that fails.
package struct Runs: Sendable {
    private let run: @Sendable (_ steps: [Step]) async throws -> Coverage
    /// What can go wrong there.
    package let faults: [Fault]
    /// What all runs so far have covered.
    package private(set) var coverage: Coverage

    package init(on stage: Stage) { self.init(stage) }
    package init(on stage: PostgresStage) { self.init(stage) }
    /// - Parameter engine: that of the stage, reached in another way.
    package init(on stage: Stage, through engine: any Engine) { self.init(Detour(stage, engine)) }
    package init(on stage: PostgresStage, through engine: any Engine) { self.init(Detour(stage, engine)) }

    private init<Ground: ModelStage>(_ stage: Ground) {
        faults = Ground.faults
        coverage = Coverage(faults: Ground.faults, storage: Ground.storage)
        run = { steps in
            var driver = Driver(stage)
            try await driver.run(steps)
            return driver.coverage
        }
    }

    /// What is wrong with a run of these steps; nil where nothing is.
    package mutating func failure(of steps: [Step]) async -> String? {
        do {
            coverage.add(try await run(steps))
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// The fewest steps that still fail, and how they do: a report that can be kept as a regression.
    package mutating func report(on steps: [Step], seed: UInt64?) async -> String {
        var runs = self
        let shortest = await Shrinker.shrink(steps) { await runs.failure(of: $0) != nil }
        let problem = await runs.failure(of: shortest) ?? "it does not fail again"
        let comment = problem.split(separator: "\n").map { "# \($0)\n" }.joined()
        let origin = seed.map { "# seed \($0), \(steps.count) steps, shrunk to \(shortest.count)\n" } ?? ""
        return origin + comment + shortest.map { "\($0)\n" }.joined()
    }
}
