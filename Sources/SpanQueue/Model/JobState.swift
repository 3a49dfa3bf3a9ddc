/// Where a job stands. A job is in exactly one state at every instant.
public enum JobState: String, Sendable, Hashable, Codable, CaseIterable {
    /// Waiting for its first run time.
    case scheduled
    /// Waiting for a worker.
    case ready
    /// Claimed by a worker, under a lease.
    case active
    /// Waiting for its next attempt.
    case retrying
    /// Done. Kept for its retention, then forgotten.
    case completed
    /// Will not be tried again until a person redrives it.
    case dead
    /// Called off by a person or by its handler. Kept like a completed job.
    case cancelled

    /// Whether the job is done with, one way or another.
    public var isTerminal: Bool {
        switch self {
        case .completed, .dead, .cancelled: true
        case .scheduled, .ready, .active, .retrying: false
        }
    }
}
