// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Synchronization

extension BenchmarkSession {
    private static let idleSeconds = 20

    func drain(failing: Bool) async throws -> Measurement {
        let benchmark: Benchmark = failing ? .retries : .drain
        guard options.part != .fill else {
            return try await measure(benchmark, jobs: options.jobs) { try await fill(options.depth + options.jobs) }
        }
        if options.part == .all { try await fill(options.depth + options.jobs) }
        return try await withCrew { crew in
            try await measure(benchmark, jobs: options.jobs) {
                try await work(crew, until: options.jobs, failing: failing)
            }
        }
    }

    func together() async throws -> Measurement {
        try await withCrew { crew in
            try await measure(.together, jobs: options.jobs) {
                async let worked: Void = work(crew, until: options.jobs, failing: false)
                try await fill(options.jobs)
                try await worked
            }
        }
    }

    /// What workers cost that have nothing to do. They get time to connect and to settle down first: what a session of
    /// Postgres did then it tells after a second, as soon as it does something.
    func idle() async throws -> Measurement {
        try await withCrew { crew in
            try crew.handle { _, _ in }
            async let worked: Void = crew.run()
            try await Task.sleep(for: .seconds(6))
            let measurement = try await measure(.idle, jobs: 0, settles: false) {
                try await Task.sleep(for: .seconds(Self.idleSeconds))
            }
            crew.drain()
            try await worked
            return measurement
        }
    }

    /// Runs workers until they have completed this many jobs, or until the queues are empty where several processes share them.
    private func work(_ crew: WorkerCrew, until count: Int, failing: Bool) async throws {
        let completed = Atomic(0)
        try crew.handle { [weak crew] _, context in
            if failing, context.attempt == 1 { throw JobError.retry(after: .zero) }
            if completed.wrappingAdd(1, ordering: .relaxed).newValue == count { crew?.drain() }
        }
        try await crew.run(untilEmpty: options.part == .run)
    }

    /// Makes the workers, and closes their connections whatever happens.
    func withCrew<Result>(_ body: (WorkerCrew) async throws -> Result) async throws -> Result {
        let configuration = WorkerConfiguration(
            concurrency: options.concurrency, queues: Dictionary(uniqueKeysWithValues: names.map { ($0, 1) }))
        let crew = try await WorkerCrew(options.workers, configuration, open: open)
        do {
            let result = try await body(crew)
            await crew.shutdown()
            return result
        } catch {
            await crew.shutdown()
            throw error
        }
    }
}
