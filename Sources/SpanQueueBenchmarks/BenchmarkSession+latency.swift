import Foundation
import SpanQueue
import Synchronization

extension BenchmarkSession {
    private static let rate = 500

    func idleLatency() async throws -> Measurement {
        let clock = ContinuousClock()
        let origin = clock.now
        @Sendable func nanoseconds() -> Int64 { Int64((clock.now - origin) / .nanoseconds(1)) }
        return try await measure(.idleLatency, jobs: options.jobs) {
            try await latencies { job in
                Double(nanoseconds() - job.moment) / 1e6
            } feed: {
                var next = clock.now
                for _ in 0..<options.jobs {
                    try await Task.sleep(until: next, tolerance: .zero, clock: clock)
                    next += .seconds(1) / Self.rate
                    try await queue.enqueue(
                        BenchmarkJob(bytes: options.payloadBytes, moment: nanoseconds()), .queue(names[0]))
                }
            }
        }
    }

    /// Jobs are due one after the other from two seconds on, a thousand each second.
    func scheduleLag() async throws -> Measurement {
        @Sendable func nanoseconds() -> Int64 { Int64(Date().timeIntervalSince1970 * 1e9) }
        return try await measure(.scheduleLag, jobs: options.jobs) {
            try await latencies { job in
                Double(nanoseconds() - job.moment) / 1e6
            } feed: {
                let start = Timestamp(Date()).milliseconds + 2000
                let requests = try (0..<options.jobs).map { index in
                    let due = start + Int64(index)
                    return try EnqueueRequest(
                        BenchmarkJob(bytes: options.payloadBytes, moment: due * 1_000_000), .queue(names[0]),
                        .runAt(Timestamp(milliseconds: due)))
                }
                for chunk in stride(from: 0, to: requests.count, by: 10_000) {
                    let part = Array(requests[chunk..<min(chunk + 10_000, requests.count)])
                    for result in try await queue.enqueue(part) { _ = try result.get() }
                }
            }
        }
    }

    /// Runs a worker while `feed` enqueues, until it has run all jobs, and returns what `latency` made of each.
    private func latencies(
        _ latency: @escaping @Sendable (BenchmarkJob) -> Double, feed: () async throws -> Void
    ) async throws -> [Double] {
        let worker = try worker()
        let values = Mutex<[Double]>([])
        let count = options.jobs
        try worker.handle(BenchmarkJob.self) { [weak worker] job, _ in
            let value = latency(job)
            let number = values.withLock { values in
                values.append(value)
                return values.count
            }
            if number == count { worker?.drain() }
        }
        async let worked: Void = worker.run()
        do {
            try await feed()
        } catch {
            worker.drain()
            throw error
        }
        try await worked
        return values.withLock { $0 }
    }
}
