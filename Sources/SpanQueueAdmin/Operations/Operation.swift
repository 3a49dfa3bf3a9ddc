// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// Something that a person does to jobs or queues.
package enum Operation: Sendable, Hashable {
    /// Acts on one job; without a queue all are searched for it.
    case act(JobAction, JobID, queue: String?)
    /// Stops claims from a queue.
    case pause(queue: String, reason: String)
    /// Lets claims go on.
    case resume(queue: String)
    /// Forgets a queue without jobs.
    case delete(queue: String)
    /// Forgets all jobs of a queue that are in one state.
    case purge(queue: String, JobState)
    /// Makes all dead letters of a queue ready.
    case redriveAll(queue: String)
    /// Acts on all jobs that a filter finds.
    case bulk(BulkOrder)

    /// The word for it in logs.
    package var word: String {
        switch self {
        case .act(let action, _, _): action.word
        case .pause: "pause"
        case .resume: "resume"
        case .delete: "delete"
        case .purge: "purge"
        case .redriveAll: "redrive_all"
        case .bulk(let order): "bulk_\(order.action.word)"
        }
    }

    /// What one must be allowed to do it.
    package var scope: Scope {
        switch self {
        case .act(.remove, _, _), .delete, .purge, .redriveAll, .bulk: .admin
        case .act, .pause, .resume: .operate
        }
    }

    var queue: String? {
        switch self {
        case .act(_, _, let queue): queue
        case .pause(let queue, _), .resume(let queue), .delete(let queue), .purge(let queue, _), .redriveAll(let queue):
            queue
        case .bulk(let order): order.filter.queue
        }
    }

    /// What it is done to, within the queue: a job, or those in a state.
    var target: String? {
        switch self {
        case .act(_, let id, _): id.description
        case .purge(_, let state): "state=\(state.rawValue)"
        case .redriveAll: "state=dead"
        case .bulk(let order): order.filter.description
        case .pause, .resume, .delete: nil
        }
    }

    /// Why, in the words of who asks for it.
    var reason: String? {
        switch self {
        case .pause(_, let reason), .act(.cancel(let reason), _, _), .act(.bury(let reason), _, _): reason
        case .bulk(let order): order.reason
        default: nil
        }
    }
}

/// What an operation did.
package enum OperationResult: Encodable, Sendable {
    case job(JobActionView)
    case pause(PauseView)
    case deletion(DeletionView)
    case count(CountView)
    case bulk(BulkCountsView)

    /// To how many jobs it was done, where it is done to many.
    var count: Int? {
        switch self {
        case .count(let view): view.done
        case .bulk(let view): view.done + view.requested
        case .job, .pause, .deletion: nil
        }
    }

    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .job(let view): try view.encode(to: encoder)
        case .pause(let view): try view.encode(to: encoder)
        case .deletion(let view): try view.encode(to: encoder)
        case .count(let view): try view.encode(to: encoder)
        case .bulk(let view): try view.encode(to: encoder)
        }
    }
}

/// Where a job stands after an action, null when it is gone.
package struct JobActionView: Encodable, Sendable {
    package let id: String
    @OrNull package var state: String?

    package init(id: JobID, state: JobState?) {
        self.id = id.description
        _state = OrNull(wrappedValue: state?.rawValue)
    }
}

/// Whether claims from a queue are stopped now.
package struct PauseView: Encodable, Sendable {
    package let name: String
    package let paused: Bool
}

/// That a queue is forgotten.
package struct DeletionView: Encodable, Sendable {
    package let queue: String
    package let deleted: Bool
}

/// What an action on many jobs did.
package struct CountView: Encodable, Sendable {
    package let queue: String
    package let done: Int
    /// Jobs left as they were, because another job holds their lock.
    package let skipped: Int
}
