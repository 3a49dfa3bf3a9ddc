// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What a person does to one job.
package enum JobAction: Sendable, Hashable {
    /// Cancels it: at once while it does not run, within a heartbeat while it runs.
    case cancel(reason: String)
    /// Makes a dead letter, or a job that was put off, ready now. A dead letter starts afresh: its attempts and
    /// reclaims count from zero, its history stays.
    case redrive
    /// Makes a job that does not run a dead letter.
    case bury(reason: String)
    /// Forgets a job that does not run.
    case remove
}

extension JobAction {
    /// The state to which it brings a job that does not run; nil where it is gone then.
    package var aim: JobState? {
        switch self {
        case .cancel: .cancelled
        case .redrive: .ready
        case .bury: .dead
        case .remove: nil
        }
    }
}

/// Why a person does something, and who that is.
package struct OperatorNote: Sendable, Hashable {
    /// In words; empty where none were given.
    package var reason: String
    /// Who; nil where that is not known.
    package var by: String?

    package init(reason: String = "", by: String? = nil) {
        self.reason = reason
        self.by = by
    }
}

/// What an action did.
package enum ActionOutcome: Sendable, Hashable {
    /// It was done; the job now stands here, or is gone where this is nil.
    case done(JobState?)
    /// The job runs, and its worker will hear of the cancel with its next heartbeat.
    case requested
    /// There is no such job.
    case notFound
    /// The job's state does not allow it.
    case invalidState(JobState)
    /// It wants a lock that this job holds.
    case duplicate(of: JobID)
}

/// A request to act on many jobs of one state.
package struct BulkRequest: Sendable, Hashable {
    /// What to do with each.
    package enum Action: Sendable, Hashable {
        /// Forget it.
        case remove
        /// Make it ready; from `dead` only.
        case redrive
    }

    /// The queue.
    package var queue: String
    /// The state; any but `active`.
    package var state: JobState
    /// What to do.
    package var action: Action
    /// The most jobs in this call, at most 100.
    package var limit: Int
    /// For dead and cancelled jobs: only those that ended no later than this; nil for all. Set it to the moment of the request, so that a bulk
    /// redrive of jobs that die again comes to an end.
    package var notAfter: Timestamp?
    /// How many of the oldest to pass over: those that earlier calls skipped.
    package var skip: Int
    /// Who asked for it; nil where that is not known.
    package var by: String?

    package init(
        queue: String, state: JobState, action: Action, limit: Int = 100, notAfter: Timestamp? = nil, skip: Int = 0,
        by: String? = nil
    ) {
        self.queue = queue
        self.state = state
        self.action = action
        self.limit = limit
        self.notAfter = notAfter
        self.skip = skip
        self.by = by
    }
}

/// What a bulk request did.
package struct BulkReply: Sendable, Hashable {
    /// How many jobs were acted on.
    package var done: Int
    /// How many were left as they were, because another job holds their lock.
    package var skipped: Int

    package init(done: Int, skipped: Int) {
        self.done = done
        self.skipped = skipped
    }
}
