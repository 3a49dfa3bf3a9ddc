// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// How much of their time callers may spend waiting for replies on their own threads, as a value that reads no clock.
///
/// A quick wait, about as long as it takes to wake two threads, costs no more than handing the call to the loop would, and is free. Slow
/// ones are bounded to an eighth of the time, and to less and less where they come one after the other: a server that is far away
/// is then waited for by the loop alone.
struct WaitBudget: Sendable {
    /// Slow waits that are let pass, in units of the longest, before the bound holds.
    private static let burst = 10
    private static let share = 8
    private static let mostDoublings = 6

    /// When a wait is given up, and the loop goes on with it.
    let longest: Duration
    private var debtEnd: ContinuousClock.Instant?
    private var slowInARow = 0

    /// - Parameter longest: five times the longest quick wait.
    init(longest: Duration) {
        self.longest = longest
    }

    /// Whether a caller may wait now.
    func allows(at now: ContinuousClock.Instant) -> Bool {
        guard let debtEnd else { return true }
        return debtEnd <= now
    }

    /// A caller has waited until `now`.
    mutating func waited(_ time: Duration, until now: ContinuousClock.Instant) {
        guard time > longest / 5 else {
            slowInARow = 0
            return
        }
        let share = Self.share << min(slowInARow, Self.mostDoublings)
        slowInARow += 1
        let earliest = now - longest * (Self.burst * share)
        debtEnd = max(debtEnd ?? earliest, earliest) + time * share
    }
}
