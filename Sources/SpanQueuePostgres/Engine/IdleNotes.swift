// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Synchronization

/// What an engine remembers of queues in which there is nothing to do: since and until when the table `idle` tells of a sleeper there, and
/// when a claim last found nothing. One who claimed while the table told, and goes to sleep at once, need not say so again, nor look: whatever
/// came since has been told.
final class IdleNotes: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct Note: Sendable {
        /// From then on each enqueue sees what the table says.
        var seenSince: Instant?
        var saidUntil: Instant?
        /// When the claim was sent.
        var emptyAt: Instant?
        /// When a wake-up came that nobody here waited for.
        var wokenAt: Instant?
    }

    /// For how long `idle_1` speaks at least.
    private static let span = Duration.seconds(25)
    /// A claim that is older than this is not the one of who goes to sleep.
    private static let recent = Duration.milliseconds(250)
    /// Names from outside must not fill the memory.
    private static let mostQueues = 1000
    private let notes = Mutex<[String: Note]>([:])

    private func change(_ queue: String, _ change: (inout Note) -> Void) {
        notes.withLock { notes in
            if notes.count >= Self.mostQueues, notes[queue] == nil { notes.removeAll() }
            change(&notes[queue, default: Note()])
        }
    }

    /// A claim that was sent at a moment took all there was.
    func noteEmpty(_ queue: String, claimedAt: Instant) {
        change(queue) { $0.emptyAt = claimedAt }
    }

    /// A claim left something, or something is due soon.
    func noteMore(_ queue: String) {
        change(queue) { $0.emptyAt = nil }
    }

    func noteWake(_ queue: String) {
        change(queue) { $0.wokenAt = .now }
    }

    /// Whether the table surely tells of a sleeper in all of these.
    func isSaid(_ queues: [String], at moment: Instant) -> Bool {
        notes.withLock { notes in queues.allSatisfy { notes[$0]?.saidUntil.map { $0 >= moment } ?? false } }
    }

    /// `idle_1` was called and answered.
    ///
    /// - Parameter unseen: for how long a call may be under way that did not see it.
    func noteSaid(_ queues: [String], at start: Instant, unseen: Duration) {
        let now = Instant.now
        for queue in queues {
            change(queue) { note in
                if note.saidUntil.map({ $0 < start }) ?? true { note.seenSince = now + unseen }
                note.saidUntil = start + Self.span
            }
        }
    }

    /// Whether nothing can have come since a claim just now that was not told here.
    func isUpToDate(_ queues: [String]) -> Bool {
        let now = Instant.now
        return notes.withLock { notes in
            queues.allSatisfy { queue in
                guard let note = notes[queue], let emptyAt = note.emptyAt, let since = note.seenSince,
                    let until = note.saidUntil
                else { return false }
                return until >= now && emptyAt >= since && now - emptyAt < Self.recent
                    && note.wokenAt.map { $0 < emptyAt } ?? true
            }
        }
    }

    /// Wake-ups may have been missed.
    func forget() {
        notes.withLock { $0.removeAll() }
    }
}
