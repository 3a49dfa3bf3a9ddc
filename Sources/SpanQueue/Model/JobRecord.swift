// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import SpanQueueTelemetry

/// Everything that the engine knows about a job.
public struct JobRecord: Sendable, Hashable {
    /// What the enqueue fixed.
    package var message: JobMessage
    /// Where it stands.
    public var state: JobState
    /// What has happened to it.
    package var run: RunRecord
    /// For a scheduled or retrying job, when it is due.
    public var dueAt: Timestamp?
    /// For an active job, the claim under which it runs.
    package var claim: ActiveClaim?
    /// The cancel that was asked for while it runs, and that has not ended it yet.
    package var cancelRequest: CancelRequest?

    package init(
        message: JobMessage, state: JobState, run: RunRecord, dueAt: Timestamp? = nil, claim: ActiveClaim? = nil,
        cancelRequest: CancelRequest? = nil
    ) {
        self.message = message
        self.state = state
        self.run = run
        self.dueAt = dueAt
        self.claim = claim
        self.cancelRequest = cancelRequest
    }

    /// Whether a cancel was asked for that has not ended it yet.
    public var cancelRequested: Bool { cancelRequest != nil }

    /// The number of the attempt that runs, or else of the latest that ended; 0 before the first.
    public var attempt: Int { state == .active ? run.attempts + 1 : run.attempts }
}

extension JobRecord {
    /// The job's id.
    public var id: JobID { message.id }
    /// What kind of work it is, such as `email:welcome`.
    public var type: String { message.type }
    /// Its queue.
    public var queue: String { message.queue }
    /// What the handler gets: opaque bytes, JSON by convention.
    public var payload: [UInt8] { message.payload }
    /// 0 to 9: jobs of a higher priority are claimed first.
    public var priority: Int { message.priority }
    /// Its tags.
    public var tags: [String] { message.tags }
    /// When the engine accepted it.
    public var enqueuedAt: Timestamp { message.enqueuedAt }
    /// How many attempts it has at most.
    public var maxAttempts: Int { message.maxAttempts }
    /// The trace that it was created in.
    public var traceID: TraceID { message.trace.traceID }

    /// The attempts that have ended, oldest first: the first and the latest, where there were many.
    public var attempts: [AttemptRecord] { run.attemptRecords }
    /// The error of the latest attempt that failed.
    public var lastError: String? { run.lastError }
    /// Why it is dead or was cancelled; `DeadReason` has the words for the former.
    public var endReason: String? { run.endReason }
    /// How far the job has come, 0 to 1, as its handler last said by `JobContext.reportProgress`; nil where it has said nothing.
    public var progress: Double? { run.progress?.fraction }
    /// What the handler said with that; empty where it gave no words.
    public var progressNote: String { run.progress?.note ?? "" }
    /// What the handler left as its result, as it was stored.
    public var resultBytes: [UInt8]? { run.result }
    /// How often it was reclaimed from a worker that did not extend its lease.
    public var reclaims: Int { run.reclaims }
    /// How often its handler has put it off by `JobError.snooze` in a row, of late.
    public var snoozes: Int { run.snoozes }

    /// For an active job, the worker that runs it.
    public var worker: String? { claim?.worker }
    /// For an active job, when its lease lapses unless it is extended.
    public var leaseExpiresAt: Timestamp? { claim?.leaseExpiresAt }
}

/// What is known of a cancel that was asked for while a job ran.
package struct CancelRequest: Sendable, Hashable {
    /// When; nil where a program of layout 1 asked for it.
    package var at: Timestamp?
    /// Why; empty where no reason was given.
    package var reason: String
    /// Who asked for it, where that is known.
    package var by: String?

    package init(at: Timestamp?, reason: String, by: String? = nil) {
        self.at = at
        self.reason = reason
        self.by = by
    }
}

/// The claim that holds an active job.
package struct ActiveClaim: Sendable, Hashable {
    /// The claim's token.
    package var token: FencingToken
    /// The worker that holds it.
    package var worker: String
    /// When it was made.
    package var claimedAt: Timestamp
    /// When it lapses unless it is extended.
    package var leaseExpiresAt: Timestamp

    package init(token: FencingToken, worker: String, claimedAt: Timestamp, leaseExpiresAt: Timestamp) {
        self.token = token
        self.worker = worker
        self.claimedAt = claimedAt
        self.leaseExpiresAt = leaseExpiresAt
    }
}

/// Where a job stands. A job is in exactly one state at every instant.
///
/// A later version may know more: `switch` over the states needs a `default`.
public struct JobState: RawRepresentable, Sendable, Hashable, Codable, CustomStringConvertible {
    /// A word of lower-case letters.
    public let rawValue: String

    /// Takes a state by its word.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The word.
    public var description: String { rawValue }

    /// Put off until its first run time.
    public static let scheduled = JobState(rawValue: "scheduled")
    /// Held back by a limit, or until other jobs have ended. No feature of this version holds a job back.
    public static let held = JobState(rawValue: "held")
    /// Waiting for a worker.
    public static let ready = JobState(rawValue: "ready")
    /// Claimed by a worker, under a lease.
    public static let active = JobState(rawValue: "active")
    /// Put off until its next attempt.
    public static let retrying = JobState(rawValue: "retrying")
    /// Done. Kept for its retention, then forgotten.
    public static let completed = JobState(rawValue: "completed")
    /// Will not be tried again until a person redrives it.
    public static let dead = JobState(rawValue: "dead")
    /// Cancelled by a person or by its handler. Kept like a completed job.
    public static let cancelled = JobState(rawValue: "cancelled")
    /// A state that this version can't tell: the job's queue uses a feature that it does not know.
    public static let unknown = JobState(rawValue: "unknown")

    /// The states that this version knows, in the order in which a job goes through them; without `unknown`.
    public static let known: [JobState] = [
        .scheduled, .held, .ready, .active, .retrying, .completed, .dead, .cancelled,
    ]

    /// Whether the job is done with, one way or another.
    public var isTerminal: Bool { self == .completed || self == .dead || self == .cancelled }
}
