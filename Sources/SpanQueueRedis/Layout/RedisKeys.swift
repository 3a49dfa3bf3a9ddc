/// The names of the keys of one queue. The queue's name is the hash tag, so all of them share a slot of a Redis Cluster.
///
/// | key | type | holds |
/// |---|---|---|
/// | `jobs` | hash | id → message, see `MessagePacking` |
/// | `runs` | hash | id → what happened since, see `RunPacking` |
/// | `ready`, `priority` | list, zset | ids that can be claimed; the zset is served first |
/// | `scheduled`, `retrying` | zset | ids by due time (ms); the fraction is the priority in hundredths |
/// | `active` | zset | ids by lapse of their lease (ms) |
/// | `leases` | hash | id → `<token>-<nonce>:<worker>` |
/// | `cancelling` | hash | id → reason, for active jobs whose cancel was asked for |
/// | `completed`, `retained` | list, zset | completed ids in order; those with a retention of their own by its end (ms) |
/// | `dead`, `cancelled` | zset | ids by the time they ended (ms) |
/// | `unique`, `unique-expiry` | hash, zset | digest → `<expiry in ms or 0>:<owner's id>`; digests by expiry |
/// | `meta` | hash | `paused`, `token`, `sequence`, `returned`, and the totals |
/// | `wake` | list | at most two entries, each of which wakes a worker |
///
/// A class: every call asks for them, and to copy them would be to retain them all.
final class RedisKeys: Sendable {
    /// The set of all queues' names.
    static let queues = "spanq:queues"
    /// The workers' ids by the time at which they lapse unless they announce themselves again (ms).
    static let workers = "spanq:workers"
    /// The version of this layout.
    static let layout = "spanq:layout"

    /// Says nothing and is gone after a second: writing it marks a place in the AOF and in the stream to the replicas.
    static let fence = "spanq:fence"

    static func worker(_ id: String) -> String { "spanq:worker:\(id)" }

    let jobs, runs, ready, priority, scheduled, retrying, active, leases, cancelling: String
    let completed, retained, dead, cancelled, unique, uniqueExpiry, meta, wake: String

    init(queue: String) {
        func key(_ name: String) -> String { "spanq:{\(queue)}:\(name)" }
        jobs = key("jobs")
        runs = key("runs")
        ready = key("ready")
        priority = key("priority")
        scheduled = key("scheduled")
        retrying = key("retrying")
        active = key("active")
        leases = key("leases")
        cancelling = key("cancelling")
        completed = key("completed")
        retained = key("retained")
        dead = key("dead")
        cancelled = key("cancelled")
        unique = key("unique")
        uniqueExpiry = key("unique-expiry")
        meta = key("meta")
        wake = key("wake")
    }

    /// All of them, `jobs` and `meta` first.
    var all: [String] {
        [
            jobs, meta, runs, ready, priority, scheduled, retrying, active, leases, cancelling, completed, retained,
            dead,
            cancelled, unique, uniqueExpiry, wake,
        ]
    }

    /// The queue that a wake key belongs to.
    static func queue(ofWakeKey key: String) -> String? {
        guard key.hasPrefix("spanq:{"), key.hasSuffix("}:wake") else { return nil }
        return String(key.dropFirst(7).dropLast(6))
    }
}
