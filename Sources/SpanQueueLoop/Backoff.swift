// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// The waits of a client between attempts to connect: exponential backoff with full jitter. Any time from nothing to `base` · 2^attempt, and
/// never more than `cap`; full, because after a restart of the server all its clients come at once.
package struct Backoff: Sendable, Hashable {
    package var base: Duration
    package var cap: Duration

    package init(base: Duration, cap: Duration) {
        self.base = base
        self.cap = cap
    }

    /// - Parameters:
    ///   - attempt: 0 for the first.
    ///   - random: from 0 to 1.
    package func delay(attempt: Int, random: Double) -> Duration {
        // 2^20 times anything sensible is beyond the cap, and a shift any larger might overflow.
        min(cap, base * (1 << min(attempt, 20))) * random
    }
}
