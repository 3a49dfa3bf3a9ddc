// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Exponential backoff with full jitter: any time from nothing to `base` · 2^attempt, and never more than `cap`. Full, because after a
/// restart of the server all its clients come at once.
package struct Backoff: Sendable, Hashable {
    package var base: Duration
    package var cap: Duration

    package init(base: Duration = .milliseconds(50), cap: Duration = .seconds(2)) {
        self.base = base
        self.cap = cap
    }

    /// - Parameters:
    ///   - attempt: 0 for the first.
    ///   - random: from 0 to 1.
    func delay(attempt: Int, random: Double) -> Duration {
        // 2^20 times anything sensible is beyond the cap, and a shift any larger might overflow.
        min(cap, base * (1 << min(attempt, 20))) * random
    }
}
