// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// When the leases of one queue are extended next, and in which call.
///
/// All queues share one call, as long as each is answered. A queue that failed, or whose call is still unanswered when the next is due, is
/// asked alone until it has answered: then no other waits for it.
struct LeaseBeat {
    /// How soon a failed call is repeated at the latest: a third of the lease is gone by then.
    static let longestRetry = Duration.milliseconds(500)

    private let interval: Duration
    private(set) var next: ContinuousClock.Instant
    private(set) var isSuspect = false
    private(set) var isInSharedCall = false
    private(set) var isInOwnCall = false

    init(lease: Duration, at now: ContinuousClock.Instant) {
        interval = lease / 3
        next = now + interval
    }

    /// Whether its own call is to go out.
    ///
    /// - Parameter isHolding: whether the worker has leases in this queue.
    mutating func startsOwnCall(at now: ContinuousClock.Instant, isHolding: Bool) -> Bool {
        guard isHolding, next <= now, !isInOwnCall else { return false }
        if isInSharedCall { isSuspect = true }
        guard isSuspect else { return false }
        isInOwnCall = true
        next = now + interval
        return true
    }

    /// Whether a shared call that goes out now is to have it in.
    func fitsSharedCall(isHolding: Bool) -> Bool {
        isHolding && !isSuspect && !isInSharedCall && !isInOwnCall
    }

    mutating func startSharedCall(at now: ContinuousClock.Instant) {
        isInSharedCall = true
        next = now + interval
    }

    /// Nothing to extend, or a call of its own is under way: looked at again a beat later.
    mutating func skip(at now: ContinuousClock.Instant) {
        next = now + interval
    }

    mutating func answered(shared: Bool, failed: Bool, at now: ContinuousClock.Instant) {
        if shared { isInSharedCall = false } else { isInOwnCall = false }
        if failed {
            isSuspect = true
            next = min(next, now + min(interval, Self.longestRetry))
        } else if !shared || !isInOwnCall {
            isSuspect = false
        }
    }
}
