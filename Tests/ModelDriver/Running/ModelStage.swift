// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTesting

/// What the driver needs: a real engine on a server of its own, whose clock stands still until the driver moves it.
protocol ModelStage: Sendable {
    associatedtype Store: ModelStore
    associatedtype Saved: Sendable

    /// What can go wrong with a call.
    static var faults: [Fault] { get }
    static var storage: MemoryQueue.Storage { get }
    /// Whether the engine answers to the end of an attempt that has ended by comparing the two; else it may answer by how it ended alone.
    static var comparesEnds: Bool { get }

    var engine: any Engine { get }
    /// The time by the server's clock.
    var now: Timestamp { get }
    /// Whether that goes on within the millisecond that was set.
    var clockCreeps: Bool { get }

    func setTime(_ moment: Timestamp) async throws
    /// Empties the server and sets its clock back to where every run begins.
    func reset() async throws
    func read() async throws -> Store
    /// What an audit finds.
    func findings(maxReclaims: Int) async throws -> [AuditViolation]
    /// Remembers all that there is, as a disk does.
    func saved() async throws -> Saved
    func restore(_ saved: Saved) async throws
    /// Somebody is woken, and does nothing.
    func swallowWakeUp() async throws
    /// Whether a call was refused because the engine's idea of the time was wrong.
    func isLate(_ error: SpanQueueError) -> Bool
    /// Makes a fault for the next call.
    func bring(_ fault: Fault, on call: Call, choice: UInt64) async throws -> Trouble
}

extension ModelStage {
    static var comparesEnds: Bool { true }
}

/// A fault that waits for a call, and what it may do to that.
struct Trouble: Sendable {
    /// The error with which the call may fail; then it changed nothing.
    var refusal: SpanQueueError.Code?
    /// Whether the call may be answered as the second of two.
    var mayRunTwice = false
    /// Ends it. Says whether the call must have been refused; nil where either is right.
    var end: @Sendable () async throws -> Bool? = { nil }
}

/// All that a server holds.
protocol ModelStore: Equatable, Sendable {
    init()
    /// The jobs there are.
    var ids: Set<JobID> { get }
    /// How many wake-ups wait for somebody; nil where such things are not kept.
    var wakeUps: Int? { get }
    /// Whether something in it changes, and goes, as time passes.
    var ages: Bool { get }
    /// What there should not be in a queue that is drained and swept.
    var leftovers: [String] { get }

    /// What must hold whatever the model says: the numbers are those of docs/reliability.md.
    ///
    /// - Parameter clockBehind: how far the server's clock is behind the latest time that it ever told.
    func checkInvariants(queue: String, maxReclaims: Int, clockBehind: Duration, _ decoder: inout Decoder) throws
    func compare(with world: World, _ decoder: inout Decoder) throws
}

extension ModelStore {
    /// The parts in which two states differ, in words for people.
    func differences(from other: Self) -> String {
        func text(_ value: Any) -> String {
            let mirror = Mirror(reflecting: value)
            guard mirror.displayStyle == .dictionary else { return "\(value)" }
            return mirror.children.map { "\($0.value)" }.sorted().joined(separator: " ")
        }
        return zip(Mirror(reflecting: self).children, Mirror(reflecting: other).children).compactMap { mine, theirs in
            let (now, before) = (text(mine.value), text(theirs.value))
            return now == before ? nil : "\(mine.label ?? "") from \(before.prefix(300)) to \(now.prefix(300))"
        }.joined(separator: ", ")
    }
}
