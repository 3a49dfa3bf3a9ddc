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
    private let loop = LoopThread(name: "benchmark")

    /// Runs one benchmark.
    ///
    /// - Parameters:
    ///   - url: of the Redis, as for `EngineSource.redis`.
    ///   - engine: how completed jobs are kept, and so on.
    ///   - telemetry: where the queue and its workers report.
    /// - Throws: what the queue throws.
    package static func run(
        _ benchmark: Benchmark, _ options: BenchmarkOptions, url: String, engine: RedisEngineOptions,
        telemetry: JobTelemetry, logger: Logger
    ) async throws -> Measurement {
        let queue = try await JobQueue(engine: .redis(url, engine), telemetry: telemetry, logger: logger)
        let session = try BenchmarkSession(queue, options, url: url, logger: logger)
        do {
            let measurement = try await session.run(benchmark)
            await session.close()
            return measurement
        } catch {
            await session.close()
            throw error
        }
    }

    private init(_ queue: JobQueue, _ options: BenchmarkOptions, url: String, logger: Logger) throws {
        self.queue = queue
        self.options = options
        self.url = try RedisURL(url)
        client = RedisClient(url: self.url, name: "benchmark", loop: loop, logger: logger)
    }

    private func close() async {
        if options.part == .all {
            for name in names {
                _ = try? await client.pipeline(QueueErasure.commands(queue: name), idempotent: true)
            }
        }
        await queue.shutdown()
        await client.close()
        loop.stop()
    }

    /// The queues that the jobs are spread over.
    var names: [String] { (0..<options.queues).map { "\(options.prefix)-\($0)" } }

    private func run(_ benchmark: Benchmark) async throws -> Measurement {
        switch benchmark {
        case .floorEnqueue: try await floorEnqueue()
        case .floorDrain: try await floorDrain()
        case .roundTrip: try await roundTrip()
        case .enqueueOne: try await enqueueOne()
        case .enqueueTasks: try await enqueueTasks()
        case .enqueueBulk: try await enqueueBulk()
        case .drain: try await drain(failing: false)
        case .retries: try await drain(failing: true)
        case .together: try await together()
        case .idleLatency: try await idleLatency()
        case .scheduleLag: try await scheduleLag()
        }
    }

    /// Measures a piece of work.
    func measure(_ benchmark: Benchmark, jobs: Int, _ work: () async throws -> [Double]) async throws -> Measurement {
        let redis = try await RedisLoad(client)
        let process = ProcessLoad.now
        let start = ContinuousClock.now
        let latencies = try await work()
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let processEnd = ProcessLoad.now
        let redisEnd = try await RedisLoad(client)
        let count = Double(max(1, jobs))
        var measurement = Measurement(
            benchmark: benchmark.rawValue, jobs: jobs, seconds: seconds, rate: count / seconds,
            processMicroseconds: (processEnd.cpuSeconds - process.cpuSeconds) / count * 1e6,
            peakMemoryMiB: processEnd.peakMemoryMiB)
        if let before = redis.cpuSeconds, let after = redisEnd.cpuSeconds {
            measurement.redisMicroseconds = (after - before) / count * 1e6
        }
        measurement.redisCommands = Double(redisEnd.commands - redis.commands) / count
        measurement.networkBytes = Double(redisEnd.bytes - redis.bytes) / count
        if let before = process.allocations, let after = processEnd.allocations {
            measurement.allocations = Double(after - before) / count
        }
        measurement.latency = Percentiles(milliseconds: latencies)
        if benchmark == .enqueueBulk { measurement.redisMemoryBytes = Double(redisEnd.memory - redis.memory) / count }
        return measurement
    }
}
