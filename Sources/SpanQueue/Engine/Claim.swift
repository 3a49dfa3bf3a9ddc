// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A worker's request for jobs of one queue.
package struct ClaimRequest: Sendable, Hashable {
    /// The queue.
    package var queue: String
    /// The most jobs wanted; at most `maximumBatch` are given.
    package var limit: Int
    /// How long the claims hold unless they are extended.
    package var lease: Duration
    /// Who claims.
    package var worker: String
    /// Nothing is claimed after this moment; nil for the engine's own limit of a call alone.
    package var notAfter: ContinuousClock.Instant?

    /// The most jobs one claim gives.
    package static let maximumBatch = 128

    package init(
        queue: String, limit: Int, lease: Duration, worker: String, notAfter: ContinuousClock.Instant? = nil
    ) {
        self.queue = queue
        self.limit = limit
        self.lease = lease
        self.worker = worker
        self.notAfter = notAfter
    }
}

/// A claim, as the calls that depend on it name it.
package struct ClaimReference: Sendable, Hashable {
    /// The job.
    package var id: JobID
    /// Its queue.
    package var queue: String
    /// The claim's token.
    package var token: FencingToken
    /// The worker that holds it.
    package var worker: String

    package init(id: JobID, queue: String, token: FencingToken, worker: String) {
        self.id = id
        self.queue = queue
        self.token = token
        self.worker = worker
    }
}

/// A job in the hands of a worker.
///
/// A class: it goes through many hands, and to copy all that a job has is to retain a dozen objects.
package final class ClaimedJob: Sendable, Hashable {
    /// What the enqueue fixed.
    package let message: JobMessage
    /// What had happened to it before this claim; nil where the engine has not told.
    package let run: RunRecord?
    /// The claim.
    package let reference: ClaimReference
    /// When it was claimed.
    package let claimedAt: Timestamp
    /// The number of the attempt that this claim is for, from 1.
    package let attempt: Int
    /// The earliest moment at which this claim could have been made.
    package let eligibleAt: Timestamp
    /// How long of the time since then it was held back, and not ready; zero where the engine holds nothing back.
    package let heldFor: Duration
    /// The token of the attempt before this one, for the link of its span; nil for the first.
    package let previous: FencingToken?

    package init(
        message: JobMessage, run: RunRecord, reference: ClaimReference, claimedAt: Timestamp, heldFor: Duration = .zero
    ) {
        self.message = message
        self.run = run
        self.reference = reference
        self.claimedAt = claimedAt
        self.heldFor = heldFor
        self.previous = run.lastAttempt?.token
        self.attempt = run.attempts + 1
        self.eligibleAt = run.eligibleAt ?? message.eligibleAt
    }

    /// Whether two claims are of the same job with the same record, under the same token.
    package static func == (left: ClaimedJob, right: ClaimedJob) -> Bool {
        left.reference == right.reference && left.claimedAt == right.claimedAt && left.message == right.message
            && left.run == right.run && left.heldFor == right.heldFor && left.previous == right.previous
    }

    /// Hashes the claim, which no other shares.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(reference)
    }

    /// The attempts before this one, as far as they are known.
    package var earlierAttempts: [AttemptRecord] { run?.attemptRecords ?? [] }

    /// How many workers without a handler for its type have had it in a row.
    package var looks: Int { earlierAttempts.reversed().prefix { $0.errorType == "unknown_job_type" }.count }

    /// How often its handler has put it off in a row.
    package var snoozes: Int { run?.history.last?.attempt?.outcome == .snoozed ? run?.snoozes ?? 0 : 0 }

    /// How long it was ready before this claim; never negative.
    package var wait: Duration { max(.zero, claimedAt - eligibleAt - heldFor) }
}

/// A claimed job whose record can't be read. It is the worker's to bury.
package struct UnreadableJob: Sendable, Hashable {
    /// The claim.
    package var reference: ClaimReference
    /// When it was claimed.
    package var claimedAt: Timestamp
    /// What is wrong with the record, in words.
    package var problem: String

    package init(reference: ClaimReference, claimedAt: Timestamp, problem: String) {
        self.reference = reference
        self.claimedAt = claimedAt
        self.problem = problem
    }
}

/// What a claim gave.
package struct ClaimReply: Sendable, Hashable {
    /// The claimed jobs, in the order in which they are to start.
    package var jobs: [ClaimedJob] = []
    /// Claimed jobs that can't be read.
    package var unreadable: [UnreadableJob] = []
    /// Ids that stood in the queue without a record and were taken out of it.
    package var vanished: [JobID] = []
    /// How many due jobs the claim made ready.
    package var promoted = 0
    /// Whether ready jobs are left.
    package var hasMore = false
    /// Whether the queue is paused: then nothing was claimed.
    package var isPaused = false
    /// How long until the next scheduled or retrying job of the queue is due; nil when there is none, and where it does not matter
    /// yet: when more is ready, or the queue is paused.
    package var nextDueIn: Duration?
    /// How long until the earliest lease of the queue lapses, zero when one has; nil when nothing is active.
    package var nextLapseIn: Duration?
    /// The engine's clock at the claim.
    package var now: Timestamp

    package init(now: Timestamp) {
        self.now = now
    }
}

/// Leases of one queue that are to be extended by the same time.
package struct LeaseBatch: Sendable, Hashable {
    /// The queue.
    package var queue: String
    /// The claims, all of this queue.
    package var claims: [ClaimReference]
    /// How long they hold from now on.
    package var lease: Duration

    package init(queue: String, claims: [ClaimReference], lease: Duration) {
        self.queue = queue
        self.claims = claims
        self.lease = lease
    }
}

/// What extending leases told.
package struct ExtendReply: Sendable, Hashable {
    /// The jobs that are no longer this worker's.
    package var lost: Set<JobID> = []
    /// The jobs whose cancel was asked for.
    package var cancelRequested: Set<JobID> = []

    package init() {}
}
