// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTesting

/// Which moves between states, by which call, were tried under which fault.
package struct Coverage: Sendable {
    private var counts: [String: [Fault: Int]] = [:]
    package private(set) var steps = 0
    private let faults: [Fault]
    private let storage: MemoryQueue.Storage

    init(faults: [Fault], storage: MemoryQueue.Storage) {
        self.faults = faults
        self.storage = storage
    }

    mutating func noteStep() { steps += 1 }

    mutating func note(_ call: String, _ fault: Fault, from before: [JobID: JobState], to after: [JobID: JobState]) {
        var moves: Set<String> = []
        for (id, state) in before where after[id] != state {
            moves.insert("\(state.rawValue) → \(after[id]?.rawValue ?? "gone")")
        }
        for (id, state) in after where before[id] == nil { moves.insert("new → \(state.rawValue)") }
        if moves.isEmpty { moves = ["nothing"] }
        for move in moves { counts["\(call): \(move)", default: [:]][fault, default: 0] += 1 }
    }

    /// Adds what another run covered.
    package mutating func add(_ other: Coverage) {
        steps += other.steps
        for (move, faults) in other.counts {
            counts[move, default: [:]].merge(faults, uniquingKeysWith: +)
        }
    }

    /// What must have been tried: each move that the contract allows, by each call that makes it.
    private var required: [String] {
        let waiting = ["scheduled", "ready", "retrying"]
        var moves = ["enqueue: new → ready", "enqueue: new → scheduled", "enqueue: nothing"]
        moves += ["scheduled", "retrying"].flatMap { ["claim: \($0) → ready", "claim: \($0) → active"] }
        moves += ["claim: ready → active", "claim: nothing"]
        moves += ["completed", "retrying", "dead", "ready", "cancelled", "gone"].map { "settle: active → \($0)" }
        if storage == .keys { moves.append("settle: completed → gone") }
        moves += ["settle: nothing", "extend: nothing", "report: nothing"]
        moves += ["ready", "dead", "cancelled"].map { "reclaim: active → \($0)" }
        moves += ["completed", "dead", "cancelled"].map { "sweep: \($0) → gone" }
        moves += waiting.flatMap { ["cancel: \($0) → cancelled", "bury: \($0) → dead", "remove: \($0) → gone"] }
        moves += ["cancel: nothing", "bury: nothing", "redrive: nothing", "remove: nothing"]
        moves += ["scheduled", "retrying", "dead"].map { "redrive: \($0) → ready" }
        moves += ["completed", "dead", "cancelled"].map { "remove: \($0) → gone" }
        moves += waiting.flatMap {
            ["cancel each: \($0) → cancelled", "bury each: \($0) → dead", "remove each: \($0) → gone"]
        }
        moves += ["completed", "dead", "cancelled"].map { "remove each: \($0) → gone" }
        moves += ["scheduled", "retrying", "dead"].map { "redrive each: \($0) → ready" }
        moves += ["cancel", "bury", "redrive", "remove"].map { "\($0) each: nothing" }
        moves += ["search: nothing", "search to act: nothing"]
        moves += JobState.known.filter { $0 != .active }.map { "bulk remove: \($0.rawValue) → gone" }
        return moves + ["bulk redrive: dead → ready", "pause: nothing", "resume: nothing", "pass wake-up: nothing"]
    }

    /// How many of the required moves there are, times the faults.
    package var requiredCount: Int { required.count * faults.count }

    /// The required moves that were not tried under some fault.
    package var missing: [String] {
        required.flatMap { move in
            faults.filter { counts[move]?[$0] == nil }.map { "\(move) × \($0.rawValue)" }
        }
    }

    /// Moves that happened and that nobody expects.
    package var unexpected: [String] {
        let required = Set(required)
        return counts.keys.filter { !required.contains($0) && !$0.hasSuffix(": nothing") }.sorted()
    }
}
