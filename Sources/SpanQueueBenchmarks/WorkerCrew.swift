// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// The workers of a benchmark, each with connections and threads of its own, as if each were a process.
final class WorkerCrew: Sendable {
    private let workers: [Worker]
    private let queues: [JobQueue]

    /// Connects them; they claim nothing before they run.
    ///
    /// - Parameter open: makes a connected queue.
    init(
        _ count: Int, _ configuration: WorkerConfiguration, open: @Sendable () async throws -> JobQueue
    ) async throws {
        var queues: [JobQueue] = []
        var workers: [Worker] = []
        do {
            for _ in 0..<count {
                let queue = try await open()
                queues.append(queue)
                workers.append(try Worker(queue, configuration))
            }
        } catch {
            for queue in queues { await queue.shutdown() }
            throw error
        }
        self.queues = queues
        self.workers = workers
    }

    /// Registers the handler of the benchmarks' jobs with all of them.
    func handle(_ body: @escaping @Sendable (BenchmarkJob, JobContext) async throws -> Void) throws {
        for worker in workers { try worker.handle(BenchmarkJob.self, body) }
    }

    /// Runs them until they are told to drain, or until there is nothing left to do.
    func run(untilEmpty: Bool = false) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in workers {
                group.addTask {
                    if untilEmpty { _ = try await worker.runOnce() } else { try await worker.run() }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Has them end when what they run has ended.
    func drain() {
        for worker in workers { worker.drain() }
    }

    func shutdown() async {
        for queue in queues { await queue.shutdown() }
    }
}
