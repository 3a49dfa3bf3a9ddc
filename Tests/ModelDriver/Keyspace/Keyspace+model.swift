// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTesting

extension Keyspace {
    /// Compares every key with what the model says it must hold.
    func compare(with world: World, _ decoder: inout Decoder) throws {
        let queue = world.queue
        try compareRecords(with: queue, &decoder)
        try comparePlaces(with: queue, mayBeLifted: world.mayBeLifted)
        try compareLocks(with: world)
        var totals: [String: String] = [:]
        for (name, count) in [
            ("enqueued", queue.totals.enqueued), ("completed", queue.totals.completed), ("dead", queue.totals.dead),
            ("cancelled", queue.totals.cancelled), ("removed", queue.totals.removed),
            ("token", Int(queue.lastToken)),
        ] where count > 0 { totals[name] = String(count) }
        if queue.isPaused { totals["paused"] = "1" }
        // When it was paused and by whom is the engine's alone.
        try same("pause", meta["pause"] != nil, queue.isPaused)
        try same("meta", meta.filter { !["sequence", "returned", "pause"].contains($0.key) }, totals)
    }

    private func compareRecords(with queue: MemoryQueue, _ decoder: inout Decoder) throws {
        try same("the ids in jobs", Set(jobs.keys), Set(queue.entries.keys))
        for (id, entry) in queue.entries {
            let message = try decoder.message(id, jobs[id] ?? [])
            try same("the message of \(id)", message, entry.message)
            let run = try runs[id].map { try decoder.run(id, $0, of: message) } ?? RunRecord()
            try same("the runs of \(id)", run, entry.run)
        }
    }

    private func comparePlaces(with queue: MemoryQueue, mayBeLifted: Bool) throws {
        func line(_ state: JobState) -> [(id: JobID, place: Place)] {
            queue[state].members.compactMap { member in queue.entries[member.id].map { (member.id, $0.place) } }
        }
        func scored(_ members: [(id: JobID, place: Place)], _ score: (Place) -> Double?) -> [Scored] {
            members.compactMap { member in score(member.place).map { Scored(id: member.id, score: $0) } }
        }
        let waiting = line(.ready)
        // Arrivals of level 0 stand in the list, but for the first of them where somebody acts on jobs: these stand in the set, behind
        // all others.
        let lifted = mayBeLifted ? priority.filter { $0.score >= Self.firstLifted }.map(\.id) : []
        try same("ready", lifted + ready, waiting.filter(\.place.isPlainArrival).map(\.id))
        try same(
            "priority", priority.map(\.id).dropLast(lifted.count).map(\.self),
            waiting.filter { !$0.place.isPlainArrival }.map(\.id))
        for member in priority {
            let level = 9 - Int(member.score / 0x1p49)
            try same("the level of \(member.id)", level, queue.entries[member.id]?.message.priority)
        }
        try same("scheduled", scheduled.inHundredths, scored(line(.scheduled)) { $0.dueScore }.inHundredths)
        try same("retrying", retrying.inHundredths, scored(line(.retrying)) { $0.dueScore }.inHundredths)
        try same(
            "active", active, scored(line(.active)) { $0.claim.map { Double($0.leaseExpiresAt.milliseconds) } })
        var holders: [JobID: String] = [:]
        for member in line(.active) {
            if let claim = member.place.claim { holders[member.id] = "\(claim.token):\(claim.worker)" }
        }
        try same("leases", leases, holders)
        try same("cancelling", cancelling, queue.entries.compactMapValues(\.cancelRequest?.stored))
        let done = line(.completed)
        try same("completed", completed, done.filter { $0.place.retainedUntil == nil }.map(\.id))
        try same("retained", retained, scored(done) { $0.retainedUntil })
        try same("dead", dead, scored(line(.dead)) { $0.endedAt })
        try same("cancelled", cancelled, scored(line(.cancelled)) { $0.endedAt })
    }

    /// The middle of the scores of level 0.
    private static let firstLifted = 9 * 0x1p49 + 0x1p48

    private func compareLocks(with world: World) throws {
        let locks = world.queue.locks.mapValues { "\($0.expiresAt?.milliseconds ?? 0):\($0.owner)" }
        try same("unique", unique, locks)
        try same("unique-expiry", uniqueExpiry, world.lockEnds.mapValues { Double($0.milliseconds) })
    }
}

/// Throws unless what was found is what the model has; shows both from a little before the first difference.
func same<Value: Equatable>(_ what: String, _ found: Value, _ expected: Value) throws(Violation) {
    guard found != expected else { return }
    let (found, expected) = (dumped(found), dumped(expected))
    let start = max(0, zip(found, expected).prefix { $0 == $1 }.count - 3)
    func shown(_ lines: [String]) -> String { lines.dropFirst(start).prefix(6).joined(separator: "\n    ") }
    throw Violation("\(what):\n  found …\(shown(found))\n  model …\(shown(expected))")
}

/// A value's parts, a line each, those of objects too.
private func dumped(_ value: Any) -> [String] {
    var text = ""
    dump(value, to: &text)
    return text.split(separator: "\n").map(String.init)
}

extension [Keyspace.Scored] {
    /// Scores with a fraction, as whole numbers of hundredths.
    fileprivate var inHundredths: [Keyspace.Scored] {
        map { Keyspace.Scored(id: $0.id, score: ($0.score * 100).rounded()) }
    }
}

extension Place {
    /// Whether it is that of a ready job without a priority that has not come back: the list `ready` has it, not the set `priority`.
    fileprivate var isPlainArrival: Bool { if case .ready(priority: 0, let turn) = self { turn > 0 } else { false } }
    fileprivate var retainedUntil: Double? {
        if case .retained(let until) = self { Double(until.milliseconds) } else { nil }
    }
    fileprivate var dueScore: Double? {
        switch self {
        case .scheduled(let due, let priority), .retrying(let due, let priority):
            Double(due.milliseconds) + Double(priority) / 100
        default: nil
        }
    }
    fileprivate var endedAt: Double? {
        switch self {
        case .dead(let since), .cancelled(let since): Double(since.milliseconds)
        default: nil
        }
    }
}

extension CancelRequest {
    /// As Redis holds it: the time goes before the reason, and behind a NUL comes who.
    fileprivate var stored: String { "\(at?.milliseconds ?? 0)\(reason)" + (by.map { "\0\($0)" } ?? "") }
}
