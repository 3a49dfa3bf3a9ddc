// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// How an attempt is to end.
package enum Verdict: Sendable, Hashable {
    /// The job is done.
    case complete
    /// It is tried again after this long.
    case retry(after: Duration)
    /// It is looked at again after this long, as its handler asked for, and no attempt is charged.
    case snooze(for: Duration)
    /// It becomes a dead letter.
    case bury(DeadReason)
    /// It goes back to the head of its queue, and no attempt is charged.
    case release
    /// It is cancelled.
    case cancel(reason: String)

    /// How long the job is put off by it.
    package var delay: Duration? {
        switch self {
        case .retry(let delay), .snooze(let delay): delay
        case .complete, .bury, .release, .cancel: nil
        }
    }

    /// The word for it in the job's history.
    package var outcome: AttemptOutcome {
        switch self {
        case .complete: .completed
        case .retry: .retried
        case .snooze: .snoozed
        case .bury: .buried
        case .release: .released
        case .cancel: .cancelled
        }
    }
}

/// What an attempt left behind, beside how it ended.
package struct AttemptReport: Sendable, Hashable {
    /// A short name of what went wrong, fit for a label.
    package var errorType: String?
    /// What went wrong, in words; at most `Limits.errorBytes`, of which the history keeps `Limits.historyErrorBytes`.
    package var error: String?
    /// Eight bytes that stand for the error: errors that are alike have the same.
    package var fingerprint: UInt64?
    /// The latest progress that it has reported; nil where it reported none.
    package var progress: JobProgress?
    /// The job's result; stored where the attempt completes it. Nil leaves what is there.
    package var result: [UInt8]?

    package init(
        errorType: String? = nil, error: String? = nil, fingerprint: UInt64? = nil, progress: JobProgress? = nil,
        result: [UInt8]? = nil
    ) {
        self.errorType = errorType
        self.error = error
        self.fingerprint = fingerprint
        self.progress = progress
        self.result = result
    }
}

/// The end of one attempt, on its way to the engine. A class for the reason that a `ClaimedJob` is one.
package final class Settlement: Sendable, Hashable {
    /// The job, as it was claimed.
    package let job: ClaimedJob
    /// How the attempt ends.
    package let verdict: Verdict
    /// What it left.
    package let report: AttemptReport
    /// The attempt for the job's history, but for `endedAt`, which the engine's clock fixes.
    package let record: AttemptRecord

    package init(_ job: ClaimedJob, _ verdict: Verdict, _ report: AttemptReport = AttemptReport()) {
        self.job = job
        self.verdict = verdict
        self.report = report
        var record = AttemptRecord(
            number: job.attempt, token: job.reference.token, worker: job.reference.worker, eligibleAt: job.eligibleAt,
            claimedAt: job.claimedAt, endedAt: job.claimedAt, outcome: verdict.outcome)
        record.errorType = report.errorType
        record.error = report.error.map { Excerpt.bounded($0, bytes: Limits.historyErrorBytes) }
        record.retryDelay = verdict.delay
        switch verdict {
        case .bury(let reason): record.reason = reason.rawValue
        case .cancel(let reason): record.reason = reason
        case .complete, .retry, .snooze, .release: break
        }
        self.record = record
    }

    /// The claim under which it ran.
    package var reference: ClaimReference { job.reference }

    /// The job's record with this attempt in it, for an engine that stores it whole.
    package var run: RunRecord {
        var run = job.run ?? RunRecord()
        if let progress = report.progress { run.progress = progress }
        if verdict == .complete, let result = report.result { run.result = result }
        if let error = report.error { run.lastError = error }
        if let fingerprint = report.fingerprint { run.errorFingerprint = fingerprint }
        if record.isCharged { run.attempts += 1 }
        if record.outcome == .snoozed { run.snoozes = job.snoozes + 1 }
        run.append(.attempt(record))
        return run
    }

    /// Whether two settlements say the same of the same claim.
    package static func == (left: Settlement, right: Settlement) -> Bool {
        left.job == right.job && left.verdict == right.verdict && left.report == right.report
    }

    /// Hashes the claim.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(reference)
    }
}

/// Whether a settlement counted.
package enum SettleOutcome: Sendable, Hashable {
    /// It ended the attempt, now or in an earlier call with the same token.
    case settled
    /// The claim was no longer this worker's; nothing was changed.
    case lost
}

/// A request to reclaim jobs whose lease has run out.
package struct ReclaimRequest: Sendable, Hashable {
    /// The queue.
    package var queue: String
    /// The most jobs to reclaim in this call.
    package var limit: Int
    /// A job reclaimed this often is buried as a poison pill.
    package var maxReclaims: Int
    /// How long to hold back after a gap (a lost connection, a restarted engine), so that workers that are alive can extend
    /// their leases first.
    package var grace: Duration

    /// The most jobs one call reclaims.
    package static let maximumBatch = 100
    /// How often a job is reclaimed before it is buried, unless configured.
    package static let standardMaxReclaims = 3

    package init(
        queue: String, limit: Int = maximumBatch, maxReclaims: Int = standardMaxReclaims, grace: Duration = .zero
    ) {
        self.queue = queue
        self.limit = limit
        self.maxReclaims = maxReclaims
        self.grace = grace
    }
}

/// A job that was reclaimed.
package struct ReclaimedJob: Sendable, Hashable {
    /// The claim that was lost.
    package var reference: ClaimReference
    /// Where the job stands now: ready, dead, or cancelled where that had been asked for.
    package var state: JobState
    /// What the enqueue fixed; nil where the record can't be read.
    package var message: JobMessage?
    /// Its history with the lost attempt in it; empty where the record can't be read.
    package var run: RunRecord

    package init(reference: ClaimReference, state: JobState, message: JobMessage?, run: RunRecord) {
        self.reference = reference
        self.state = state
        self.message = message
        self.run = run
    }
}

/// What a sweep did.
package struct SweepReply: Sendable, Hashable {
    /// How many records and locks were dropped.
    package var dropped: Int
    /// Whether nothing more was left to drop; else sweep again soon.
    package var isFinished: Bool

    package init(dropped: Int, isFinished: Bool) {
        self.dropped = dropped
        self.isFinished = isFinished
    }
}
