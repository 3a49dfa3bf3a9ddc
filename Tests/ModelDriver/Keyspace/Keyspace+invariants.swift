// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

extension Keyspace {
    /// What must hold of any state of a queue, whatever the model says: the numbers are those of docs/reliability.md.
    ///
    /// - Parameter clockBehind: how far Redis' clock is behind the latest time that it ever told: keys live longer by that.
    func checkInvariants(
        queue: String, maxReclaims: Int, clockBehind: Duration, _ decoder: inout Decoder
    ) throws {
        var states: [JobID: JobState] = [:]
        for (state, ids) in places {
            for id in ids {
                let earlier = states.updateValue(state, forKey: id)
                try require(earlier == nil, "1, 8: \(id) is \(state.rawValue) and \(earlier?.rawValue ?? "")")
            }
        }
        for id in states.keys { try require(jobs[id] != nil, "1: \(id) is in a set and has no message") }
        for id in jobs.keys { try require(states[id] != nil, "1: \(id) has a message and is in no set") }
        for (id, lease) in leases {
            try require(states[id] == .active, "2: \(id) has a lease and is not active")
            let parts = lease.split(separator: ":", maxSplits: 1)
            try require(parts.count == 2 && parts[0].contains("-"), "2: \(lease) has no token or no worker")
        }
        for member in active { try require(leases[member.id] != nil, "2: \(member.id) is active without a lease") }
        for id in cancelling.keys { try require(states[id] == .active, "2: \(id) is to be cancelled and not active") }
        let (enqueued, removed) = (Int(meta["enqueued"] ?? "0") ?? -1, Int(meta["removed"] ?? "0") ?? -1)
        try require(states.count == enqueued - removed, "3: \(states.count) jobs, \(enqueued) − \(removed)")
        for id in runs.keys { try require(jobs[id] != nil, "11: runs of \(id), which is gone") }
        for (id, bytes) in jobs {
            let message = try decoder.message(id, bytes)
            let run = try runs[id].map { try decoder.run(id, $0, of: message) } ?? RunRecord()
            try require(run.attempts <= message.maxAttempts, "6: \(id) had \(run.attempts) of \(message.maxAttempts)")
            try require(run.reclaims <= maxReclaims, "6: \(id) was reclaimed \(run.reclaims) times")
            if states[id] == .dead { try require(run.endReason != nil, "6: \(id) is dead without a reason") }
        }
        for (digest, lock) in unique where lock.hasPrefix("0:") {
            let owner = JobID(unchecked: String(lock.dropFirst(2)))
            let message = try jobs[owner].map { try decoder.message(owner, $0) }
            try require(states[owner].map { !$0.isTerminal } ?? false, "7: the lock of \(owner), which has ended")
            try require(message?.unique?.digest == digest, "7: \(owner) holds a lock that is not its own")
        }
        try require(wake.count <= 2 && wake.allSatisfy { $0 == "1" }, "11: the wake list holds \(wake)")
        try checkKeys(queue, longestLife: 30_000 + Int(clockBehind.milliseconds))
    }

    private func checkKeys(_ queue: String, longestLife: Int) throws {
        let mine = "spanq:{\(queue)}:"
        for key in keys {
            if key.hasPrefix(mine) {
                try require(Self.names.contains(String(key.dropFirst(mine.count))), "11: \(key) is not in the layout")
            } else if let lifetime = lifetimes[key] {
                try require((0...longestLife).contains(Int(lifetime)), "11: \(key) lives for \(lifetime) ms")
            } else {
                let shared = ["spanq:{@}:queues", "spanq:{@}:workers", "spanq:{@}:clock", "spanq:layout"]
                try require(shared.contains(key), "11: \(key) is not in the layout")
            }
        }
        let known: Set = [
            "pause", "paused", "uses", "token", "sequence", "returned", "enqueued", "completed", "dead", "cancelled",
            "removed",
        ]
        try require(known.isSuperset(of: meta.keys), "11: meta holds \(meta.keys.sorted())")
    }
}
