// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueueTelemetry

/// What an enqueue fixes about a job. It never changes afterwards.
package struct JobMessage: Sendable, Hashable {
    /// The job's id.
    package var id: JobID
    /// The lane it waits in.
    package var queue: String
    /// What kind of work it is, such as `email:welcome`.
    package var type: String
    /// What the handler gets: opaque bytes, JSON by convention.
    package var payload: [UInt8]
    /// 0 to 9: jobs of a higher priority are claimed first, those of priority 0 in the order of their arrival.
    package var priority: Int
    /// How often a failed job is tried again; the number of attempts is at most one more.
    package var maxRetries: Int
    /// The waits between attempts; nil leaves them to the handler's worker.
    package var backoff: RetryPolicy?
    /// How long one attempt may run; nil for no bound.
    package var timeout: Duration?
    /// The moment after which the job is not started any more; nil for none.
    package var deadline: Timestamp?
    /// The lock that it took, if it is a unique job.
    package var unique: UniqueLock?
    /// How long its record is kept once it has completed.
    package var retention: Retention
    /// Words to find it by.
    package var tags: [String]
    /// Where it was created, in its trace.
    package var trace: TraceContext
    /// The span that the enqueue's was made under, which is not SpanQueue's: that of an HTTP request, say. Nil where there was none, and
    /// where `trace` is itself the caller's.
    package var parentSpanID: SpanID?
    /// When it was put off to: its first run time, if that lay in the future at enqueue.
    package var runAt: Timestamp?
    /// When the engine accepted it.
    package var enqueuedAt: Timestamp
    /// Eight bytes that tell whether another job with the same caller-given id has the same content; nil for our own ids.
    package var contentDigest: UInt64?

    package init(
        id: JobID, queue: String, type: String, payload: [UInt8], priority: Int, maxRetries: Int, backoff: RetryPolicy?,
        timeout: Duration?, deadline: Timestamp?, unique: UniqueLock?, retention: Retention, tags: [String],
        trace: TraceContext, runAt: Timestamp?, enqueuedAt: Timestamp, contentDigest: UInt64?
    ) {
        self.id = id
        self.queue = queue
        self.type = type
        self.payload = payload
        self.priority = priority
        self.maxRetries = maxRetries
        self.backoff = backoff
        self.timeout = timeout
        self.deadline = deadline
        self.unique = unique
        self.retention = retention
        self.tags = tags
        self.trace = trace
        self.runAt = runAt
        self.enqueuedAt = enqueuedAt
        self.contentDigest = contentDigest
    }

    /// The earliest moment at which a worker could have claimed it for the first time.
    package var eligibleAt: Timestamp { max(enqueuedAt, runAt ?? enqueuedAt) }

    /// How many attempts it has at most.
    package var maxAttempts: Int { maxRetries + 1 }
}

extension JobMessage {
    /// Stands in lists for a message that can't be read.
    ///
    /// - Parameter isNewer: whether a later version wrote it: then nothing is wrong with it.
    package static func unreadable(id: JobID, queue: String, isNewer: Bool = false) -> JobMessage {
        JobMessage(
            id: id, queue: queue, type: isNewer ? "newer" : "unreadable", payload: [], priority: 0, maxRetries: 0,
            backoff: nil,
            timeout: nil,
            deadline: nil, unique: nil, retention: .standard, tags: [], trace: .root(), runAt: nil,
            enqueuedAt: Timestamp(milliseconds: 0), contentDigest: nil)
    }
}

/// How long a unique job keeps others like it out.
package struct UniqueSpan: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case untilStarted, untilFinished
        case duration(Duration)
    }

    package let kind: Kind

    /// Until its first attempt is claimed.
    package static let untilStarted = UniqueSpan(kind: .untilStarted)
    /// Until it is completed, dead, cancelled or removed.
    package static let untilFinished = UniqueSpan(kind: .untilFinished)

    /// For this long from its enqueue, whatever happens to it.
    package static func duration(_ duration: Duration) -> UniqueSpan { UniqueSpan(kind: .duration(duration)) }

    /// How long, where it ends by time; nil for the others.
    package var duration: Duration? {
        if case .duration(let duration) = kind { duration } else { nil }
    }
}

/// A lock that a job takes at enqueue; while it is held, an enqueue with the same digest in the same queue is a duplicate.
package struct UniqueLock: Sendable, Hashable {
    /// Sixteen bytes: the start of the SHA-256 of what must be unique.
    package let digest: [UInt8]
    /// How long it is held.
    package let span: UniqueSpan

    package static let digestBytes = 16

    package init(digest: [UInt8], span: UniqueSpan) {
        self.digest = digest
        self.span = span
    }
}

/// How long the record of a finished job is kept.
package struct Retention: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case standard, none
        case duration(Duration)
    }

    package let kind: Kind

    /// As the engine is configured; by default one hour and at most 10,000 jobs a queue.
    package static let standard = Retention(kind: .standard)
    /// Not at all: it is forgotten the moment it completes.
    package static let none = Retention(kind: .none)

    /// For this long, whatever the number of others.
    package static func duration(_ duration: Duration) -> Retention { Retention(kind: .duration(duration)) }

    /// How long, where it was said; nil for `standard` and `none`.
    package var duration: Duration? {
        if case .duration(let duration) = kind { duration } else { nil }
    }
}
