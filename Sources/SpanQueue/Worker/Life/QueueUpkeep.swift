// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// When a worker looks after one queue: reclaims lapsed jobs of others, and drops what is over.
package struct QueueUpkeep {
    package typealias Instant = ContinuousClock.Instant

    /// How often a queue is looked at of which no claim tells when its next lease lapses.
    static let blindInterval = Duration.seconds(1)
    static let sweepInterval = Duration.seconds(15)
    /// The pause after a sweep that did not get to the end.
    static let sweepPause = Duration.seconds(1)
    static let shortestPause = Duration.milliseconds(100)

    private let longestPause: Duration
    /// For how long what has lapsed is expected to be taken back: the grace after a gap, and a pause.
    private let patience: Duration
    /// Since when a lease has lapsed of which nobody was asked, or of which nothing came.
    private var lapsedSince: Instant?
    /// When a lease will have lapsed, as the latest claim told.
    private(set) var lapseAt: Instant?
    private(set) var isReclaiming = false
    private(set) var isSweeping = false
    private var mayReclaimAt: Instant
    /// When a queue of which no claim tells is looked at; only ever put off.
    private(set) var blindAt: Instant
    private var sweepAt: Instant
    private var pause = shortestPause

    /// - Parameter random: from 0 to 1; keeps the sweeps of a fleet apart.
    package init(lease: Duration, at now: Instant, random: Double) {
        longestPause = max(Self.shortestPause, lease / 4)
        patience = lease + longestPause
        mayReclaimAt = now
        blindAt = now
        sweepAt = now + Self.sweepInterval * (0.2 + 0.8 * random)
    }

    /// A claim told how long until the earliest lease of the queue lapses.
    package mutating func noted(lapseIn: Duration?, at now: Instant) {
        lapseAt = lapseIn.map { now + max(.zero, $0) }
        lapsedSince = lapseIn.map { $0 <= .zero } ?? false ? lapsedSince ?? now : nil
        if lapseIn ?? .seconds(1) > .zero { pause = Self.shortestPause }
        blindAt = now + Self.blindInterval
    }

    /// Whether a lease has lapsed and its job may still come back soon: nobody was asked for it since, or it is too early after a gap.
    func isDue(at now: Instant) -> Bool {
        if isReclaiming { return true }
        guard let lapseAt, lapseAt <= now else { return false }
        return now - (lapsedSince ?? lapseAt) < patience
    }

    package mutating func startsReclaim(at now: Instant, isBlind: Bool) -> Bool {
        guard !isReclaiming, mayReclaimAt <= now else { return false }
        guard lapseAt.map({ $0 <= now }) ?? false || isBlind && blindAt <= now else { return false }
        isReclaiming = true
        blindAt = now + Self.blindInterval
        return true
    }

    /// What has lapsed and can't be reclaimed yet, as in the grace after a gap, is looked for at growing intervals.
    /// Where no claim will tell more, it is looked for as often as anything unknown.
    package mutating func reclaimed(_ count: Int, isBlind: Bool, at now: Instant) {
        isReclaiming = false
        if count > 0 {
            // There may be more.
            lapseAt = now
            mayReclaimAt = now
            pause = Self.shortestPause
            lapsedSince = nil
        } else if lapseAt != nil {
            mayReclaimAt = now + (isBlind ? min(pause, Self.blindInterval) : pause)
            pause = min(pause * 2, longestPause)
            if isBlind { lapseAt = nil }
        }
    }

    package mutating func reclaimFailed(at now: Instant) {
        isReclaiming = false
        mayReclaimAt = now + Self.blindInterval
    }

    package mutating func startsSweep(at now: Instant) -> Bool {
        guard !isSweeping, sweepAt <= now else { return false }
        isSweeping = true
        return true
    }

    package mutating func swept(isFinished: Bool, at now: Instant) {
        isSweeping = false
        sweepAt = now + (isFinished ? Self.sweepInterval : Self.sweepPause)
    }

    /// The next moment at which there may be something to do.
    func deadline(isBlind: Bool, sweeps: Bool) -> Instant? {
        var deadline = !sweeps || isSweeping ? nil : sweepAt
        func consider(_ moment: Instant) { deadline = min(deadline ?? moment, moment) }
        if !isReclaiming {
            if let lapseAt { consider(max(lapseAt, mayReclaimAt)) }
            if isBlind { consider(max(blindAt, mayReclaimAt)) }
        }
        return deadline
    }
}
