// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import Synchronization

extension BenchmarkSession {
    private static let rate = 500

    func idleLatency() async throws -> Measurement {
        let clock = ContinuousClock()
        let origin = clock.now
        @Sendable func nanoseconds() -> Int64 { Int64((clock.now - origin) / .nanoseconds(1)) }
        return try await latencies(.idleLatency, now: nanoseconds) {
            var next = clock.now
            for _ in 0..<options.jobs {
                try await Task.sleep(until: next, tolerance: .zero, clock: clock)
                next += .seconds(1) / Self.rate
                try await queue.enqueue(
                    BenchmarkJob(bytes: options.payloadBytes, moment: nanoseconds()), .queue(names[0]))
            }
        }
    }

    /// Jobs are due one after the other from two seconds on, a thousand each second.
    func scheduleLag() async throws -> Measurement {
        try await latencies(.scheduleLag) {
            Int64(Date().timeIntervalSince1970 * 1e9)
        } feed: {
            let start = Timestamp(Date()).milliseconds + 2000
            let requests = (0..<options.jobs).map { index in
                let due = start + Int64(index)
                return EnqueueRequest(
                    BenchmarkJob(bytes: options.payloadBytes, moment: due * 1_000_000), .queue(names[0]),
                    .runAt(Timestamp(milliseconds: due)))
            }
            try await enqueueAll(requests)
        }
    }

    /// Measures how long after their moments jobs start, while workers with nothing else to do are fed.
    ///
    /// - Parameters:
    ///   - now: nanoseconds of the clock that the jobs' moments are of.
    ///   - feed: enqueues all jobs.
    private func latencies(
        _ benchmark: Benchmark, now: @escaping @Sendable () -> Int64, feed: () async throws -> Void
    ) async throws -> Measurement {
        let values = Mutex<[Double]>([])
        let count = options.jobs
        var measurement = try await withCrew { crew in
            try crew.handle { [weak crew] job, _ in
                let milliseconds = Double(now() - job.moment) / 1e6
                let number = values.withLock { values in
                    values.append(milliseconds)
                    return values.count
                }
                if number == count { crew?.drain() }
            }
            return try await withThrowingTaskGroup(of: Void.self) { workers in
                workers.addTask { try await crew.run() }
                // Many workers take a while until all of them wait.
                if options.workers > 1 { try await Task.sleep(for: .seconds(4)) }
                return try await measure(benchmark, jobs: count) {
                    try await feed()
                    try await workers.waitForAll()
                }
            }
        }
        measurement.latency = Percentiles(milliseconds: values.withLock { $0 })
        return measurement
    }
}
