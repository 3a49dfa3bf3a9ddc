// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

// Runs the model test of `WorkerLife` alone: compiled by `Scripts/mutants` from the few files that it needs, in seconds.
// usage: life-soak SEEDS

import Foundation

/// As much as the selector asks of it.
struct ClaimRequest {
    static let maximumBatch = 128
}

let seeds = CommandLine.arguments.dropFirst().first.flatMap { UInt64($0) } ?? 1000
var coverage: Set<String> = []
var steps = 0
for seed in (CommandLine.arguments.dropFirst(2).first.flatMap { UInt64($0) } ?? 1)...seeds {
    var model = LifeModel(seed: seed)
    do {
        try model.run()
    } catch {
        print(error)
        print(model.life)
        exit(1)
    }
    steps += model.steps
    coverage.formUnion(model.coverage)
}
print("\(seeds) seeds, \(steps) steps, \(coverage.count) of calls and phases × faults")
for pair in coverage.sorted() { print(pair) }
