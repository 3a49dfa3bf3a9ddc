import SpanQueue
import Synchronization

extension BenchmarkSession {
    func drain(failing: Bool) async throws -> Measurement {
        if options.part != .run { try await fill(options.depth + options.jobs) }
        let benchmark: Benchmark = failing ? .retries : .drain
        guard options.part != .fill else { return try await measure(benchmark, jobs: options.jobs) { [] } }
        return try await measure(benchmark, jobs: options.jobs) {
            try await work(until: options.jobs, failing: failing)
            return []
        }
    }

    func together() async throws -> Measurement {
        try await measure(.together, jobs: options.jobs) {
            async let worked: Void = work(until: options.jobs, failing: false)
            try await fill(options.jobs)
            try await worked
            return []
        }
    }

    /// Runs a worker until it has completed this many jobs, or until the queues are empty where several share them.
    private func work(until count: Int, failing: Bool) async throws {
        let worker = try worker()
        let completed = Atomic(0)
        try worker.handle(BenchmarkJob.self) { [weak worker] _, context in
            if failing, context.attempt == 1 { throw JobError.retry(after: .zero) }
            if completed.wrappingAdd(1, ordering: .relaxed).newValue == count { worker?.drain() }
        }
        if options.part == .run { try await worker.runOnce() } else { try await worker.run() }
    }

    func worker() throws -> Worker {
        try Worker(
            queue,
            WorkerConfiguration(concurrency: options.concurrency, queues: .weighted(names.map { ($0, 1) })))
    }
}
