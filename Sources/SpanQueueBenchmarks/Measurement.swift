/// What one benchmark measured.
package struct Measurement: Sendable, Encodable {
    /// The benchmark's name.
    package var benchmark: String
    /// How many jobs.
    package var jobs: Int
    /// How long they took, in seconds.
    package var seconds: Double
    /// Jobs a second.
    package var rate: Double
    /// Redis' CPU time for each job, in microseconds; nil where Redis does not tell.
    package var redisMicroseconds: Double?
    /// Commands that Redis was sent for each job, without those that scripts call.
    package var redisCommands: Double?
    /// Bytes from and to Redis for each job.
    package var networkBytes: Double?
    /// Redis' memory for each job that waits, in bytes; where a benchmark fills a queue.
    package var redisMemoryBytes: Double?
    /// This process' CPU time for each job, in microseconds.
    package var processMicroseconds: Double
    /// The most memory that this process had so far, in MiB.
    package var peakMemoryMiB: Double
    /// Allocations of this process for each job, where they are counted; see `AllocationCount`.
    package var allocations: Double?
    /// Latencies in milliseconds, where they were measured.
    package var latency: Percentiles?
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
