// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

extension BenchmarkSession {
    private static let tasks = 64
    private static let bulk = 10_000

    func job() -> BenchmarkJob { BenchmarkJob(bytes: options.payloadBytes) }

    func enqueueOne() async throws -> Measurement {
        try await fillDepth()
        let job = job()
        return try await measure(.enqueueOne, jobs: options.jobs) {
            for _ in 0..<options.jobs { try await queue.enqueue(job, .queue(names[0])) }
        }
    }

    func enqueueTasks() async throws -> Measurement {
        try await fillDepth()
        let job = job()
        let name = names[0]
        let each = max(1, options.jobs / Self.tasks)
        return try await measure(.enqueueTasks, jobs: each * Self.tasks) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<Self.tasks {
                    group.addTask { [queue] in
                        for _ in 0..<each { try await queue.enqueue(job, .queue(name)) }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    func enqueueBulk() async throws -> Measurement {
        try await fillDepth()
        return try await measure(.enqueueBulk, jobs: options.jobs) {
            try await fill(options.jobs)
        }
    }

    /// The payload is made once, and no `Codable` encodes it.
    func enqueueBytes() async throws -> Measurement {
        let payload = [UInt8](repeating: UInt8(ascii: "x"), count: options.payloadBytes)
        return try await measure(.enqueueBytes, jobs: options.jobs) {
            var left = options.jobs
            while left > 0 {
                let requests = (0..<min(left, Self.bulk)).map { _ in
                    EnqueueRequest(type: BenchmarkJob.jobType, payload: payload, options: [.queue(names[0])])
                }
                try await enqueueAll(requests)
                left -= requests.count
            }
        }
    }

    /// Puts the jobs there that are to wait below those that are measured.
    func fillDepth() async throws {
        if options.part != .run { try await fill(options.depth) }
    }

    /// Enqueues jobs in arrays, spread over the queues.
    func fill(_ count: Int) async throws {
        let job = job()
        let retention: Retention = options.keepsCompleted ? .standard : .none
        for (index, name) in names.enumerated() {
            var left = count / names.count + (index < count % names.count ? 1 : 0)
            while left > 0 {
                let number = min(left, Self.bulk)
                let requests = (0..<number).map { _ in
                    EnqueueRequest(job, .queue(name), .retention(retention))
                }
                try await enqueueAll(requests)
                left -= number
            }
        }
    }

    /// Enqueues jobs in arrays of a bounded size.
    func enqueueAll(_ requests: [EnqueueRequest]) async throws {
        for start in stride(from: 0, to: requests.count, by: Self.bulk) {
            let part = Array(requests[start..<min(start + Self.bulk, requests.count)])
            for result in try await queue.enqueue(part) { _ = try result.get() }
        }
    }
}
