// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Synchronization

/// What is known of one server: an estimate of its clock, and whether leases may have lapsed there while their workers could not
/// extend them. Such a time is a *gap*: a connection that was replaced, a server that has just come up, a step of its clock. From
/// then on leases get time to be extended before any is reclaimed.
///
/// Nobody knows what the clock did before he looked. So the beginning is like a gap, unless another process vouches for the clock: one
/// that has watched it run evenly for long enough says so with each announcement of its workers, where the engine
/// has a place for that.
///
/// Every reply that tells the server's time comes through here, and what it gives away is noted here: no caller can drop it.
///
/// The estimate only serves to tell the server until when a call may run; whatever is decided by time, the server decides itself.
package final class ServerNode: Sendable {
    private let state = Mutex(ClockView())

    package init() {}

    /// Notes what a reply says.
    package func learn(_ now: Timestamp) {
        state.withLock { $0.learn(now, at: .now) }
    }

    /// Notes that a call came too late by the server's clock: it was held up, or the clock was changed.
    package func noteLate() {
        state.withLock { $0.noteGap(at: .now) }
    }

    /// Notes a time at which workers may have been unable to extend their leases.
    package func noteGap() {
        state.withLock { $0.noteGap(at: .now) }
    }

    /// As if nothing had been heard of this server before, nor of a gap, for tests.
    package func forget() {
        state.withLock { $0 = ClockView() }
    }

    /// As if there had been no gap, and the clock had been watched for a while, for tests.
    ///
    /// - Parameter time: where it stands, as far as is known.
    package func pretendWatched(for duration: Duration, _ time: Timestamp? = nil) {
        state.withLock { state in
            if let time {
                state = ClockView()
                state.learn(time, at: .now)
            }
            state.pretendWatched(since: .now - duration)
        }
    }

    /// The server's time at `deadline` in ms; 0, which stands for no limit, where nothing is known.
    package func notAfter(_ deadline: ContinuousClock.Instant) -> Int64 {
        state.withLock { $0.serverTime(at: deadline) } ?? 0
    }

    /// Whether the server's clock is known.
    package var knowsTime: Bool { state.withLock { $0.serverTime(at: .now) } != nil }

    /// Whether live workers may not have had the time to extend leases that look lapsed.
    package func doubt(within grace: Duration) -> ClockView.Doubt? {
        state.withLock { $0.doubt(within: grace, at: .now) }
    }

    /// Another process vouches for the clock.
    package func trustBeginning() {
        state.withLock { $0.trustBeginning() }
    }

    /// What an announcement says of the clock: where it should stand now, and for how long it has been seen to run evenly; nil where that
    /// is not long enough to say anything.
    package func watch(atLeast duration: Duration) -> (expected: Int64, evenFor: Duration)? {
        state.withLock { $0.watch(atLeast: duration, at: .now) }
    }
}

/// The same as a value: what replies say of a server's clock, and when that was not to be expected.
package struct ClockView: Sendable {
    /// How far the clock may be ahead of where the replies so far let us expect it. A step forwards lapses leases, so little is
    /// allowed: two thirds of the shortest lease are more.
    package static let ahead = Duration.milliseconds(500)
    /// How far it may be behind: replies are on their way for a while.
    package static let behind = Duration.seconds(2)
    /// For how long the reply that was under way the shortest is what the others are held against: clocks drift.
    package static let memory = Duration.seconds(30)

    /// Why leases that look lapsed may be those of live workers.
    package enum Doubt: Equatable {
        /// There was a gap.
        case gap
        /// The clock has not been watched for long enough, and nobody has vouched for it.
        case beginning
    }

    private var best: (server: Int64, here: ContinuousClock.Instant)?
    /// The last gap.
    package private(set) var gap: ContinuousClock.Instant?
    /// When the clock was first heard.
    private var beginning: ContinuousClock.Instant?
    private var isBeginningTrusted = false

    package mutating func learn(_ now: Timestamp, at here: ContinuousClock.Instant) {
        if beginning == nil { beginning = here }
        guard let best, let expected = serverTime(at: here) else {
            self.best = (now.milliseconds, here)
            return
        }
        let difference = Duration.milliseconds(now.milliseconds - expected)
        if difference > Self.ahead || difference < .zero - Self.behind {
            gap = here
        } else if difference < .zero, here - best.here < Self.memory {
            // It was under way for longer than the best.
            return
        }
        self.best = (now.milliseconds, here)
    }

    /// From now on leases get time, and the clock is learnt again.
    package mutating func noteGap(at here: ContinuousClock.Instant) {
        gap = here
        best = nil
    }

    package mutating func pretendWatched(since moment: ContinuousClock.Instant) {
        gap = nil
        beginning = moment
    }

    package mutating func trustBeginning() {
        isBeginningTrusted = true
    }

    package func doubt(within grace: Duration, at here: ContinuousClock.Instant) -> Doubt? {
        if let gap, here - gap < grace { return .gap }
        if isBeginningTrusted || grace <= .zero { return nil }
        guard let beginning, here - beginning >= grace else { return .beginning }
        return nil
    }

    package func watch(atLeast duration: Duration, at here: ContinuousClock.Instant) -> (
        expected: Int64, evenFor: Duration
    )? {
        guard let beginning, let expected = serverTime(at: here) else { return nil }
        let evenFor = here - max(beginning, gap ?? beginning)
        return evenFor >= duration ? (expected, evenFor) : nil
    }

    package func serverTime(at moment: ContinuousClock.Instant) -> Int64? {
        best.map { $0.server + (moment - $0.here).milliseconds }
    }
}
