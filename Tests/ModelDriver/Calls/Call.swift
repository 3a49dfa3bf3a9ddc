// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// One call to the engine, as a value: it can be sent, sent twice, sent later, or not at all.
enum Call: Sendable {
    case enqueue([NewJob])
    case claim(ClaimRequest)
    case extend([ClaimReference], by: Duration)
    case settle([Settlement])
    case report(ClaimedJob, JobProgress)
    case reclaim(ReclaimRequest)
    case sweep
    case passWakeUp
    case pause
    case resume
    case perform(JobAction, JobID)
    case performAll(BulkRequest)
    case counts
    case list(ListRequest)
    case search(SearchRequest)
    case performEach(JobAction, [JobID], if: JobState)
    case find(JobID)

    /// Whether the client library sends it again by itself after a lost reply.
    var isIdempotent: Bool {
        switch self {
        case .claim, .reclaim, .performAll, .perform(.remove, _), .performEach(.remove, _, _): false
        default: true
        }
    }

    /// Whether a full Redis refuses it: new work, and what may be lost.
    var isRefusedWhenFull: Bool {
        switch self {
        case .enqueue, .claim, .report: true
        default: false
        }
    }

    /// Whether it only looks.
    var isReading: Bool {
        switch self {
        case .counts, .list, .find: true
        case .search(let request): !request.isForAction
        default: false
        }
    }

    /// A word for it, as the coverage has it.
    var name: String {
        switch self {
        case .enqueue: "enqueue"
        case .claim: "claim"
        case .extend: "extend"
        case .settle: "settle"
        case .report: "report"
        case .reclaim: "reclaim"
        case .sweep: "sweep"
        case .passWakeUp: "pass wake-up"
        case .pause: "pause"
        case .resume: "resume"
        case .perform(.cancel, _): "cancel"
        case .perform(.redrive, _): "redrive"
        case .perform(.bury, _): "bury"
        case .perform(.remove, _): "remove"
        case .performAll(let request): request.action == .remove ? "bulk remove" : "bulk redrive"
        case .counts: "counts"
        case .list: "list"
        case .find: "find"
        case .search(let request): request.isForAction ? "search to act" : "search"
        case .performEach(let action, _, _): "\(action.word) each"
        }
    }
}
