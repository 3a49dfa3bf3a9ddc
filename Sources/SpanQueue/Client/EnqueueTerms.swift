// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What a request asks for, checked, for those who put it into other words than an engine's.
package struct EnqueueTerms: Sendable {
    package let type: String
    package let payload: [UInt8]
    package let queue: String
    package let id: JobID?
    package let priority: Int
    package let schedule: Schedule
    package let expiry: Expiry?
    package let maxRetries: Int
    package let timeout: Duration?
    package let backoff: RetryPolicy?
    package let retention: Retention
    package let tags: [String]
    /// The key of a lock; nil for a lock by content.
    package let unique: (key: String?, span: UniqueSpan)?

    /// - Throws: `.invalidArgument`, `.tooLarge`.
    package init(_ request: EnqueueRequest, _ configuration: JobQueueConfiguration) throws(SpanQueueError) {
        let (options, payload) = try request.checked(configuration)
        type = request.type
        self.payload = payload
        queue = options.queue
        id = options.id
        priority = options.priority
        schedule = options.schedule
        expiry = options.expiry
        maxRetries = options.maxRetries
        timeout = options.timeout
        backoff = options.backoff
        retention = options.retention
        tags = options.tags
        unique = options.unique
    }
}
