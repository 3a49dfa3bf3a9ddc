// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import HiredisClient
import SpanQueue

/// The names of the keys of one queue. The queue's name is the hash tag, so all of them share a slot of a Redis Cluster.
///
/// | key | type | holds |
/// |---|---|---|
/// | `jobs` | hash | id → message, see `MessagePacking`; `@` → the door |
/// | `runs` | hash | id → what happened since, see `RunPacking` |
/// | `ready`, `priority` | list, zset | ids that can be claimed; the zset is served first |
/// | `scheduled`, `retrying` | zset | ids by due time (ms); the fraction is the priority in hundredths |
/// | `active` | zset | ids by lapse of their lease (ms) |
/// | `leases` | hash | id → `<token>-<nonce>:<worker>` |
/// | `cancelling` | hash | id → reason, for active jobs whose cancel was asked for |
/// | `completed`, `retained` | list, zset | completed ids in order; those with a retention of their own by its end (ms) |
/// | `dead`, `cancelled` | zset | ids by the time they ended (ms) |
/// | `unique`, `unique-expiry` | hash, zset | digest → `<expiry in ms or 0>:<owner's id>`; digests by expiry |
/// | `meta` | hash | `pause`, `paused`, `uses`, `token`, `sequence`, `returned`, `watch`, and the totals |
/// | `wake` | list | at most two entries, each of which wakes a worker |
/// | `errors` | hash | fingerprint → first and last time, count, job type, error type, version, masked text |
/// | `history` | hash | `m0` … `m179`, `t0` … `t431` → a slot of a minute, of ten minutes: its number, ready jobs, how attempts went |
/// | `fence` | string | empty, for a second: writing it marks a place in the AOF and in the stream to the replicas |
///
/// A class: every call asks for them, and to copy them would be to retain them all.
final class RedisKeys: Sendable {
    /// The set of all queues' names. No queue's name can be the tag `@`.
    static let queues = "spanq:{@}:queues"
    /// The workers' ids by the time at which they lapse unless they announce themselves again (ms).
    static let workers = "spanq:{@}:workers"
    /// What people did: a stream of `JournalEntry`, about 10,000 long.
    static let journal = "spanq:{@}:journal"
    /// Until when workers have seen Redis' clock run evenly, and since when (ms): see `ServerNode`.
    static let clock = "spanq:{@}:clock"
    /// The version of this layout.
    static let layout = "spanq:layout"

    static func worker(_ id: String) -> String { "spanq:{@}:worker:\(id)" }

    /// The channel on which live events of a queue are published.
    static func events(_ queue: String) -> String { "spanq:{\(queue)}:events" }

    /// What layout 1 had in the place of the keys with the tag `@`: there until an upgrade is finished.
    enum Old {
        static let queues = "spanq:queues"
        static let workers = "spanq:workers"
        static let fence = "spanq:fence"
        static func worker(_ id: String) -> String { "spanq:worker:\(id)" }
    }

    /// All of them, in the order of ``QueueKey``.
    let all: [String]

    init(queue: String) {
        all = QueueKey.allCases.map { "spanq:{\(queue)}:\($0.part)" }
    }

    subscript(key: QueueKey) -> String { all[key.rawValue - 1] }

    var jobs: String { self[.jobs] }
    var runs: String { self[.runs] }
    var ready: String { self[.ready] }
    var priority: String { self[.priority] }
    var scheduled: String { self[.scheduled] }
    var retrying: String { self[.retrying] }
    var active: String { self[.active] }
    var leases: String { self[.leases] }
    var cancelling: String { self[.cancelling] }
    var completed: String { self[.completed] }
    var retained: String { self[.retained] }
    var dead: String { self[.dead] }
    var cancelled: String { self[.cancelled] }
    var unique: String { self[.unique] }
    var uniqueExpiry: String { self[.uniqueExpiry] }
    var meta: String { self[.meta] }
    var wake: String { self[.wake] }
    var fence: String { self[.fence] }
    var errors: String { self[.errors] }
    var history: String { self[.history] }

    /// The queue that a key belongs to, and what stands behind the queue in its name; nil for a key that is not a queue's.
    ///
    /// A later version may split a queue into partitions, whose tags are `name/n`: those keys are the queue's, too.
    static func parts(of key: String) -> (queue: String, part: Substring)? {
        guard key.hasPrefix("spanq:{"), let end = key.firstRange(of: "}:") else { return nil }
        let tag = key[..<end.lowerBound].dropFirst(7)
        let words = tag.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        if words.count == 2 {
            guard let number = Int(words[1]), number > 0, String(number) == words[1] else { return nil }
        }
        let queue = String(words[0])
        return NameRule.queue.allows(queue) ? (queue, key[end.upperBound...]) : nil
    }
}

/// The keys of a queue by their numbers: the order of KEYS in the scripts that take all of them (`audit`, `repair`, `delete`).
enum QueueKey: Int, CaseIterable {
    case jobs = 1
    case runs, ready, priority, scheduled, retrying, active, leases, cancelling, completed, retained, dead, cancelled
    case unique, uniqueExpiry, meta, wake, fence, errors, history

    /// The type that the layout says.
    var type: String {
        switch self {
        case .jobs, .runs, .leases, .cancelling, .unique, .meta, .errors, .history: "hash"
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

/// Removes a queue with all that it holds. For queues that nobody works on, such as those of benchmarks.
package enum QueueErasure {
    /// The commands that do it; they are safe to send again.
    package static func commands(queue: String) -> [RESPCommand] {
        var unlink = RESPCommand("UNLINK")
        for key in RedisKeys(queue: queue).all { unlink.append(key) }
        return [unlink, RESPCommand("SREM", RedisKeys.queues, queue)]
    }
}
