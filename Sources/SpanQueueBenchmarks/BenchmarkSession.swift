// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
package import Logging
package import SpanQueue
import SpanQueueLoop
package import SpanQueueRedis

/// A connected queue, a client for what is measured without it, and what both have used.
package final class BenchmarkSession: Sendable {
    let queue: JobQueue
    let options: BenchmarkOptions
    let client: RedisClient
    let url: RedisURL
    /// Makes a further queue on the same Redis, with connections of its own.
    let open: @Sendable () async throws -> JobQueue
    private let logger: Logger
    private let loop = LoopThread(name: "benchmark")

    /// Runs one benchmark.
    ///
    /// - Parameters:
    ///   - url: of the Redis, as for `EngineSource.redis`.
    ///   - engine: how completed jobs are kept, and so on.
    ///   - telemetry: where the queue and its workers report.
    /// - Throws: what the queue throws. Its queues are removed all the same, also where the calling task was cancelled.
    package static func run(
        _ benchmark: Benchmark, _ options: BenchmarkOptions, url: String, engine: RedisEngineOptions,
        telemetry: JobTelemetry, logger: Logger
    ) async throws -> Measurement {
        let open = { @Sendable in
            let queue = try JobQueue(engine: .redis(url, engine), telemetry: telemetry, logger: logger)
            try await queue.connect()
            return queue
        }
        let session = try BenchmarkSession(
            queue: try await open(), options, url: engine.checkedURL(url), tls: engine.tls, open: open, logger: logger)
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
        queue: JobQueue, _ options: BenchmarkOptions, url: RedisURL, tls: RedisTLS,
        open: @escaping @Sendable () async throws -> JobQueue,
        logger: Logger
    ) {
        self.queue = queue
        self.options = options
        self.url = url
        self.open = open
        self.logger = logger
        var configuration = RedisClient.Configuration()
        configuration.tls = tls.settings
        client = RedisClient(url: url, name: "benchmark", configuration: configuration, loop: loop, logger: logger)
    }

    private func close() async {
        if options.part == .all {
            let commands = names.flatMap { QueueErasure.commands(queue: $0) } + [RESPCommand("UNLINK", stream)]
            do {
                for result in try await client.pipeline(commands, idempotent: true) { _ = try result.get() }
                await waitUntilFreed()
            } catch {
                logger.error("could not remove the queues \(options.prefix)-…: \(error)")
            }
        }
        await queue.shutdown()
        await client.close()
        loop.stop()
    }

    /// What is unlinked is freed by another thread, and would be missing from what the next benchmark takes. No longer than 10 s.
    private func waitUntilFreed() async {
        for _ in 0..<1000 {
            guard let pending = try? await RedisLoad(client).pendingFrees, pending > 0 else { return }
            try? await Task.sleep(for: .milliseconds(10))
        }
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
    /// - Parameter jobs: what is measured is divided by; 0 where there are none.
    func measure(_ benchmark: Benchmark, jobs: Int, _ work: () async throws -> Void) async throws -> Measurement {
        let redis = try await RedisLoad(client)
        let process = ProcessLoad.now
        let start = ContinuousClock.now
        try await work()
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        return Measurement(
            benchmark, jobs: jobs, seconds: seconds, process: ProcessLoad.now - process,
            redis: try await RedisLoad(client) - redis)
    }
}
