// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Synchronization

/// Who may touch a connection: its loop, or, for one call, the thread of a caller. Does no I/O.
///
/// ```
///          lend              tryTake
///   loop ────────▶ free ◀──────────────▶ taken
///    ▲ ◀──────────┘ reclaim   giveBack     │ reclaim
///    └─────────────────────────────────────▼
///                  returned              wanted
/// ```
///
/// A submission is announced before it is put into the loop's inbox, and stays announced until the loop takes it out: meanwhile nobody
/// takes the connection, so no call overtakes one that its task has made before.
final class ConnectionLoan: Sendable {
    private enum Holder {
        static let loop: UInt = 0
        static let free: UInt = 1
        static let taken: UInt = 2
        /// Taken, and the loop waits for it.
        static let wanted: UInt = 3
        static let mask: UInt = 3
    }

    private static let submission: UInt = 4

    /// The holder, and above it the count of submissions in the inbox.
    private let word = Atomic<UInt>(Holder.loop)

    // MARK: Callers

    /// On any thread: something is about to go to the loop's inbox.
    func announce() {
        word.wrappingAdd(Self.submission, ordering: .acquiringAndReleasing)
    }

    /// On any thread: whether the connection is the caller's from now on, until it gives it back or has the loop take it.
    func tryTake() -> Bool {
        word.compareExchange(expected: Holder.free, desired: Holder.taken, ordering: .acquiring).exchanged
    }

    /// By who has taken it: false where the loop wants it. It is then still the caller's, who must tell the loop.
    func giveBack() -> Bool {
        var value = word.load(ordering: .relaxed)
        while value & Holder.mask == Holder.taken {
            let (isExchanged, original) = word.weakCompareExchange(
                expected: value, desired: value - Holder.taken + Holder.free,
                successOrdering: .releasing, failureOrdering: .relaxed)
            if isExchanged { return true }
            value = original
        }
        return false
    }

    // MARK: The loop

    /// Whether a caller has the connection.
    var isTaken: Bool { word.load(ordering: .acquiring) & Holder.mask >= Holder.taken }

    /// A submission is out of the inbox.
    func arrived() {
        word.wrappingSubtract(Self.submission, ordering: .acquiringAndReleasing)
    }

    /// The connection is the loop's and has nothing to do.
    func lend() {
        word.wrappingAdd(Holder.free - Holder.loop, ordering: .releasing)
    }

    /// Whether the connection, which was lent, is the loop's again. Else a caller has it, and will tell.
    func reclaim() -> Bool {
        var value = word.load(ordering: .relaxed)
        while true {
            let holder = value & Holder.mask
            guard holder == Holder.free || holder == Holder.taken else { return false }
            let next = holder == Holder.free ? Holder.loop : Holder.wanted
            let (isExchanged, original) = word.weakCompareExchange(
                expected: value, desired: value - holder + next,
                successOrdering: .acquiringAndReleasing, failureOrdering: .relaxed)
            if isExchanged { return next == Holder.loop }
            value = original
        }
    }

    /// The caller who had it has told the loop, which has it from now on.
    func returned() {
        word.bitwiseAnd(~Holder.mask, ordering: .acquiringAndReleasing)
    }
}
