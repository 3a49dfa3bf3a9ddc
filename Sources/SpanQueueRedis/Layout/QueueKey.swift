/// The keys of a queue by their numbers: the order of KEYS in the scripts that take all of them (`audit`, `repair`, `delete`).
enum QueueKey: Int, CaseIterable {
    case jobs = 1
    case runs, ready, priority, scheduled, retrying, active, leases, cancelling, completed, retained, dead, cancelled
    case unique, uniqueExpiry, meta, wake, fence

    /// The type that the layout says.
    var type: String {
        switch self {
        case .jobs, .runs, .leases, .cancelling, .unique, .meta: "hash"
        case .ready, .completed, .wake: "list"
        case .priority, .scheduled, .retrying, .active, .retained, .dead, .cancelled, .uniqueExpiry: "zset"
        case .fence: "string"
        }
    }

    /// What stands behind the queue in its name.
    var part: String { self == .uniqueExpiry ? "unique-expiry" : "\(self)" }

    /// Where an id can be without a message: the sorted sets that are states, and the hashes of what a job has beside its message.
    static let members: [QueueKey] = [
        .priority, .scheduled, .retrying, .active, .retained, .dead, .cancelled, .leases, .cancelling, .runs,
    ]
}
