// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What one benchmark measured.
package struct Measurement: Sendable {
    /// The benchmark's name.
    package var benchmark: String
    /// How many jobs.
    package var jobs: Int
    /// How long they took, in seconds.
    package var seconds: Double
    /// Jobs a second.
    package var rate: Double
    /// The engine: `redis`, `postgres`.
    package var engine: String
    /// The server's CPU time for each job, in microseconds; nil where it can't be told, or there are no jobs.
    package var serverMicroseconds: Double?
    /// Commands that Redis was sent for each job, without those that scripts call; of Postgres, transactions; nil without jobs.
    package var serverCommands: Double?
    /// Bytes from and to Redis for each job; nil without jobs, and on Postgres.
    package var networkBytes: Double?
    /// Bytes that Postgres wrote ahead for each job; nil without jobs, and on Redis.
    package var walBytes: Double?
    /// Redis' memory for each job that waits, in bytes; where a benchmark fills a queue.
    package var redisMemoryBytes: Double?
    /// This process' CPU time for each job, in microseconds; nil without jobs.
    package var processMicroseconds: Double?
    /// The most memory that this process had so far, in MiB.
    package var peakMemoryMiB: Double
    /// How often a thread of this process slept and was woken for each job: its voluntary context switches; nil without jobs.
    package var contextSwitches: Double?
    /// Allocations of this process for each job, where they are counted; see `AllocationCount`.
    package var allocations: Double?
    /// Spans that a collector took for each job; nil where none are exported.
    package var exportedSpans: Double?
    /// Spans for each job that were dropped, because there was no room or nobody took them; nil where none are exported.
    package var droppedSpans: Double?
    /// Commands that Redis was sent each second, without those that scripts call; of Postgres, transactions.
    package var commandsPerSecond: Double
    /// The share of a core that the server used; nil where it can't be told.
    package var serverCoreShare: Double?
    /// The share of a core that this process used; above 1 where it used several.
    package var processCoreShare: Double
    /// Latencies in milliseconds, where they were measured.
    package var latency: Percentiles?

    init(
        _ benchmark: Benchmark, jobs: Int, seconds: Double, process: ProcessLoad, engine: String, server: ServerLoad
    ) {
        self.benchmark = benchmark.rawValue
        self.jobs = jobs
        self.seconds = seconds
        self.engine = engine
        rate = Double(jobs) / seconds
        peakMemoryMiB = process.peakMemoryMiB
        commandsPerSecond = Double(server.commands) / seconds
        serverCoreShare = server.cpuSeconds.map { $0 / seconds }
        processCoreShare = process.cpuSeconds / seconds
        guard jobs > 0 else { return }
        let count = Double(jobs)
        serverMicroseconds = server.cpuSeconds.map { $0 / count * 1e6 }
        serverCommands = Double(server.commands) / count
        networkBytes = server.bytes.map { Double($0) / count }
        walBytes = server.walBytes.map { Double($0) / count }
        processMicroseconds = process.cpuSeconds / count * 1e6
        contextSwitches = Double(process.sleeps) / count
        allocations = process.allocations.map { Double($0) / count }
        if benchmark == .enqueueBulk { redisMemoryBytes = server.memory.map { Double($0) / count } }
    }
}

extension Measurement: Encodable {
    private enum CodingKeys: String, CodingKey {
        case benchmark, jobs, seconds, rate, redisMicroseconds = "redis_us", redisCommands = "redis_calls"
        case postgresMicroseconds = "postgres_us", postgresCalls = "postgres_calls", walBytes = "wal_bytes"
        case networkBytes = "network_bytes", redisMemoryBytes = "redis_memory_bytes", processMicroseconds = "process_us"
        case peakMemoryMiB = "peak_memory_mib", contextSwitches = "context_switches", allocations, exportedSpans =
            "exported_spans"
        case droppedSpans = "dropped_spans", commandsPerSecond = "calls_per_second"
        case redisCoreShare = "redis_core_share", postgresCoreShare = "postgres_core_share"
        case processCoreShare = "process_core_share", latency = "latency_ms"
    }

    /// All members, null where there is no value.
    package func encode(to encoder: any Encoder) throws {
        let isRedis = engine == "redis"
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(benchmark, forKey: .benchmark)
        try container.encode(jobs, forKey: .jobs)
        try container.encode(seconds, forKey: .seconds)
        try container.encode(rate, forKey: .rate)
        try container.encode(isRedis ? serverMicroseconds : nil, forKey: .redisMicroseconds)
        try container.encode(isRedis ? serverCommands : nil, forKey: .redisCommands)
        try container.encode(isRedis ? nil : serverMicroseconds, forKey: .postgresMicroseconds)
        try container.encode(isRedis ? nil : serverCommands, forKey: .postgresCalls)
        try container.encode(walBytes, forKey: .walBytes)
        try container.encode(networkBytes, forKey: .networkBytes)
        try container.encode(redisMemoryBytes, forKey: .redisMemoryBytes)
        try container.encode(processMicroseconds, forKey: .processMicroseconds)
        try container.encode(peakMemoryMiB, forKey: .peakMemoryMiB)
        try container.encode(contextSwitches, forKey: .contextSwitches)
        try container.encode(allocations, forKey: .allocations)
        try container.encode(exportedSpans, forKey: .exportedSpans)
        try container.encode(droppedSpans, forKey: .droppedSpans)
        try container.encode(commandsPerSecond, forKey: .commandsPerSecond)
        try container.encode(isRedis ? serverCoreShare : nil, forKey: .redisCoreShare)
        try container.encode(isRedis ? nil : serverCoreShare, forKey: .postgresCoreShare)
        try container.encode(processCoreShare, forKey: .processCoreShare)
        try container.encode(latency, forKey: .latency)
    }
}

/// A distribution in four figures, in milliseconds.
package struct Percentiles: Sendable, Encodable {
    /// Half of them took no longer.
    package var p50: Double
    /// All but 1 of 100 took no longer.
    package var p99: Double
    /// All but 1 of 1,000 took no longer.
    package var p999: Double
    /// The longest.
    package var maximum: Double

    /// Nil where there are none.
    init?(milliseconds values: [Double]) {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        func at(_ share: Double) -> Double { sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))] }
        p50 = at(0.5)
        p99 = at(0.99)
        p999 = at(0.999)
        maximum = sorted[sorted.count - 1]
    }
}
