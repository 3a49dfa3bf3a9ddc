// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry

extension NewJob {
    /// Checks a request and makes a job of it.
    ///
    /// - Throws: `.invalidArgument`, `.tooLarge`.
    init(_ request: EnqueueRequest, configuration: JobQueueConfiguration, trace: TraceContext) throws(SpanQueueError) {
        let (options, payload) = try request.checked(configuration)
        let message = JobMessage(
            id: options.id ?? .random(),
            queue: options.queue,
            type: request.type,
            payload: payload,
            priority: options.priority,
            maxRetries: options.maxRetries,
            backoff: options.backoff,
            timeout: options.timeout,
            deadline: nil,
            unique: options.unique.map { key, span in
                UniqueLock(digest: Self.lockDigest(key: key, request.type, payload), span: span)
            },
            retention: options.retention,
            tags: options.tags,
            trace: trace,
            runAt: nil,
            enqueuedAt: Timestamp(milliseconds: 0),
            contentDigest: options.id == nil ? nil : Self.contentDigest(request.type, payload))
        self.init(message: message, schedule: options.schedule, expiry: options.expiry)
    }

    /// The first byte keeps keys and contents apart, and the zero byte types and payloads: neither alphabet has it.
    private static func lockDigest(key: String?, _ type: String, _ payload: [UInt8]) -> [UInt8] {
        let digest =
            if let key {
                Digest.sha256(Array("k\(key)".utf8))
            } else {
                Digest.sha256(Array("c\(type)\0".utf8), payload)
            }
        return Array(digest.prefix(UniqueLock.digestBytes))
    }

    private static func contentDigest(_ type: String, _ payload: [UInt8]) -> UInt64 {
        Digest.sha256(Array("\(type)\0".utf8), payload).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
