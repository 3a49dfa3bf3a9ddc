// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

extension JobQueue {
    /// Enqueues one job with options that are known only at run time. See `enqueue(_:_:)`.
    @discardableResult
    public func enqueue<J: Job>(_ job: J, _ options: [EnqueueOption]) async throws -> EnqueueReceipt {
        try await enqueue(EnqueueRequest(job, options))
    }

    /// Enqueues one job by its type's name, with options that are known only at run time. See `enqueue(type:payload:_:)`.
    @discardableResult
    public func enqueue(type: String, payload: [UInt8], _ options: [EnqueueOption]) async throws -> EnqueueReceipt {
        try await enqueue(EnqueueRequest(type: type, payload: payload, options: options))
    }

    /// Enqueues many jobs of one type in one round trip, with options that are known only at run time.
    public func enqueue<J: Job>(_ jobs: [J], _ options: [EnqueueOption]) async throws -> [EnqueueResult] {
        try await enqueue(jobs.map { EnqueueRequest($0, options) })
    }
}
