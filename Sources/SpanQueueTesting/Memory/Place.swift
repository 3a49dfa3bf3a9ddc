package import SpanQueue

/// Where a job stands, with what its state needs: so nothing can be active without a claim, or wait without a due time.
package enum Place: Sendable, Hashable {
    case scheduled(due: Timestamp, priority: Int)
    /// `turn` is the order inside a priority: arrivals count upwards, returning jobs downwards.
    case ready(priority: Int, turn: Int64)
    case active(ActiveClaim)
    case retrying(due: Timestamp, priority: Int)
    /// Completed with the standard retention.
    case completed(at: Timestamp, turn: Int64)
    /// Completed with a retention of its own.
    case retained(until: Timestamp)
    case dead(since: Timestamp)
    case cancelled(since: Timestamp)

    package var state: JobState {
        switch self {
        case .scheduled: .scheduled
        case .ready: .ready
        case .active: .active
        case .retrying: .retrying
        case .completed, .retained: .completed
        case .dead: .dead
        case .cancelled: .cancelled
        }
    }

    /// Jobs whose retention is their own stand before those with the standard one.
    static let firstStandardCompletion: Int64 = 1

    var rank: Rank {
        switch self {
        case .scheduled(let due, let priority), .retrying(let due, let priority):
            Rank(major: due.milliseconds, minor: Int64(priority))
        case .ready(let priority, let turn): Rank(major: Int64(9 - priority), minor: turn)
        case .active(let claim): Rank(major: claim.leaseExpiresAt.milliseconds)
        case .completed(_, let turn): Rank(major: Self.firstStandardCompletion, minor: turn)
        case .retained(let until): Rank(major: 0, minor: until.milliseconds)
        case .dead(let since), .cancelled(let since): Rank(major: since.milliseconds)
        }
    }

    /// For a job that waits for its time, when that is.
    var dueAt: Timestamp? {
        switch self {
        case .scheduled(let due, _), .retrying(let due, _): due
        default: nil
        }
    }

    package var claim: ActiveClaim? {
        if case .active(let claim) = self { claim } else { nil }
    }
}
