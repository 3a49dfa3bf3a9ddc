// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Whether one queue can be claimed from together with the others.
///
/// A queue whose claim failed is asked alone, for one job at a time and after growing pauses, until it answers: so it neither holds up the
/// others nor takes up their slots.
struct ClaimHealth {
    private static let pauses = Pauses(base: .milliseconds(100), cap: .seconds(2))

    /// Since when its claims have failed; nil where they work.
    private(set) var failingSince: ContinuousClock.Instant?
    private(set) var isProbing = false
    /// The engine said that asking again is of no use.
    private(set) var isRefused = false
    private var failures = 0
    private var retryAt: ContinuousClock.Instant?
    /// Too much of it waits to be settled.
    var isHeldBack = false

    var isOpen: Bool { failingSince == nil && !isHeldBack }

    /// When it may be asked alone; nil where it is not to be.
    var probeAt: ContinuousClock.Instant? {
        failingSince == nil || isProbing || isHeldBack ? nil : retryAt
    }

    mutating func startProbe() {
        isProbing = true
    }

    /// - Returns: for how long it had failed; nil where it had not.
    mutating func answered(at now: ContinuousClock.Instant) -> Duration? {
        let began = failingSince
        isProbing = false
        failingSince = nil
        isRefused = false
        failures = 0
        retryAt = nil
        return began.map { now - $0 }
    }

    /// - Returns: whether it had worked before.
    mutating func failed(at now: ContinuousClock.Instant, isFinal: Bool, random: Double) -> Bool {
        isProbing = false
        isRefused = isFinal
        failures += 1
        retryAt = now + Self.pauses.pause(after: failures, random: random)
        guard failingSince == nil else { return false }
        failingSince = now
        return true
    }
}

/// The waits between tries of a call to the engine: exponential with full jitter, never shorter than `least`.
struct Pauses {
    static let least = Duration.milliseconds(20)

    let base: Duration
    let cap: Duration

    /// - Parameters:
    ///   - failures: how many calls have failed in a row, from 1.
    ///   - random: from 0 to 1.
    func pause(after failures: Int, random: Double) -> Duration {
        let bound = min(cap, base * Int(1 << min(max(failures - 1, 0), 20)))
        return max(Self.least, bound * random)
    }
}
