// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging
package import SpanQueue

/// A connected queue, its server for what is measured without it, and what both have used.
package final class BenchmarkSession: Sendable {
    let queue: JobQueue
    let options: BenchmarkOptions
    let server: any BenchmarkServer
    /// Makes a further queue on the same server, with connections of its own.
    let open: @Sendable () async throws -> JobQueue
    private let logger: Logger

    /// Runs one benchmark.
    ///
    /// - Parameters:
    ///   - target: the server, and how its engine is set.
    ///   - telemetry: where the queue and its workers report.
    /// - Throws: what the queue throws. Its queues are removed all the same, also where the calling task was cancelled.
    package static func run(
        _ benchmark: Benchmark, _ options: BenchmarkOptions, on target: BenchmarkTarget, telemetry: JobTelemetry,
        logger: Logger
    ) async throws -> Measurement {
        let open = { @Sendable in
            let queue = try JobQueue(engine: target.source, telemetry: telemetry, logger: logger)
            try await queue.connect()
            return queue
        }
        let session = BenchmarkSession(
            queue: try await open(), options, server: target.makeServer(logger), open: open, logger: logger)
        let result: Result<Measurement, any Error>
        do {
            result = .success(try await session.run(benchmark))
        } catch {
            result = .failure(error)
        }
        // A task of its own: one that was cancelled could remove nothing.
        await Task { await session.close() }.value
        return try result.get()
    }

    private init(
        queue: JobQueue, _ options: BenchmarkOptions, server: any BenchmarkServer,
        open: @escaping @Sendable () async throws -> JobQueue, logger: Logger
    ) {
        self.queue = queue
        self.options = options
        self.server = server
        self.open = open
        self.logger = logger
    }

    private func close() async {
        if options.part == .all {
            do {
                try await server.remove(names, stream: stream)
            } catch {
                logger.error("could not remove the queues \(options.prefix)-…: \(error)")
            }
        }
        await queue.shutdown()
        await server.close()
    }

    /// For what only Redis does natively.
    ///
    /// - Throws: `.unsupported` on another server.
    func redis(for benchmark: Benchmark) throws(SpanQueueError) -> RedisBenchmarkServer {
        guard let redis = server as? RedisBenchmarkServer else {
            throw SpanQueueError(.unsupported, "\(benchmark.rawValue) measures what Redis does natively: leave it out")
        }
        return redis
    }

    /// The queues that the jobs are spread over.
    var names: [String] { (0..<options.queues).map { "\(options.prefix)-\($0)" } }

    private func run(_ benchmark: Benchmark) async throws -> Measurement {
        switch benchmark {
        case .floorEnqueue: try await floorEnqueue()
        case .floorDrain: try await floorDrain()
        case .floorEnqueueJob: try await floorEnqueueJob()
        case .floorDrainJob: try await floorDrainJob()
        case .roundTrip: try await roundTrip()
        case .enqueueRoundTrip: try await enqueueRoundTrip()
        case .enqueueOne: try await enqueueOne()
        case .enqueueTasks: try await enqueueTasks()
        case .enqueueBulk: try await enqueueBulk()
        case .enqueueBytes: try await enqueueBytes()
        case .drain: try await drain(failing: false)
        case .retries: try await drain(failing: true)
        case .together: try await together()
        case .idleLatency: try await idleLatency()
        case .scheduleLag: try await scheduleLag()
        case .idle: try await idle()
        }
    }

    /// Measures a piece of work.
    ///
    /// - Parameters:
    ///   - jobs: what is measured is divided by; 0 where there are none.
    ///   - settles: whether to wait for the server's account of it; not where what is measured goes on meanwhile.
    func measure(
        _ benchmark: Benchmark, jobs: Int, settles: Bool = true, _ work: () async throws -> Void
    ) async throws -> Measurement {
        let before = try await server.load()
        let process = ProcessLoad.now
        let start = ContinuousClock.now
        try await work()
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let used = ProcessLoad.now - process
        if settles { try await server.settle() }
        return Measurement(
            benchmark, jobs: jobs, seconds: seconds, process: used, engine: server.engine,
            server: try await server.load() - before)
    }
}
