// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// The life of a client's connection, as a value that does no I/O. Events go in, what to do next comes out.
///
/// ```
/// idle ─start─▶ connecting ─opened─▶ handshaking ─greeted─▶ ready
///                   ▲  └────── failed ─────┴──────── failed ──┘
///                   │              ▼
///                   └─elapsed─ backingOff          close: any ─▶ closed
/// ```
///
/// Each attempt has an `epoch`. Names are resolved and sockets opened elsewhere and may answer late; an event that
/// carries the epoch of an earlier attempt changes nothing.
struct ConnectionLife: Sendable, Equatable {
    enum State: Sendable, Equatable {
        case idle, connecting, handshaking, ready, backingOff, closed
    }

    enum Action: Sendable, Equatable {
        case none
        case open
        case handshake
        /// Send what waits. The count of connections that were ready, this one included.
        case serve(generation: Int)
        case backOff(Duration)
        case shutDown
    }

    private(set) var state = State.idle
    private(set) var epoch = 0
    private(set) var generation = 0
    private var failures = 0
    /// Connections that came about, and were given up for what the server is, such as a replica: those that lasted for a while between
    /// them are forgotten.
    private var refusals = 0
    private let backoff: Backoff

    init(backoff: Backoff) {
        self.backoff = backoff
    }

    mutating func start() -> Action {
        guard state == .idle else { return .none }
        return attempt()
    }

    mutating func opened(epoch: Int) -> Action {
        guard state == .connecting, epoch == self.epoch else { return .none }
        state = .handshaking
        return .handshake
    }

    mutating func greeted() -> Action {
        guard state == .handshaking else { return .none }
        state = .ready
        failures = 0
        generation += 1
        return .serve(generation: generation)
    }

    /// - Parameters:
    ///   - random: from 0 to 1.
    ///   - isRefusal: whether the server is there and of no use to us.
    ///   - served: for how long the connection was ready.
    mutating func failed(
        epoch: Int, random: Double, isRefusal: Bool = false, served: Duration = .zero
    ) -> Action {
        guard epoch == self.epoch else { return .none }
        switch state {
        case .connecting, .handshaking, .ready:
            if state == .ready, served > backoff.cap { refusals = 0 }
            state = .backingOff
            defer {
                failures += 1
                if isRefusal { refusals += 1 }
            }
            return .backOff(backoff.delay(attempt: max(failures, refusals), random: random))
        case .idle, .backingOff, .closed: return .none
        }
    }

    mutating func backoffElapsed(epoch: Int) -> Action {
        guard state == .backingOff, epoch == self.epoch else { return .none }
        return attempt()
    }

    /// There is news: what failed before says nothing of the next attempt.
    ///
    /// - Returns: whether one is being waited for.
    mutating func hurry() -> Bool {
        guard state == .backingOff else { return false }
        failures = 0
        refusals = 0
        return true
    }

    mutating func close() -> Action {
        guard state != .closed else { return .none }
        state = .closed
        epoch += 1
        return .shutDown
    }

    private mutating func attempt() -> Action {
        state = .connecting
        epoch += 1
        return .open
    }
}

/// Exponential backoff with full jitter: any time from nothing to `base` · 2^attempt, and never more than `cap`. Full,
/// because after a restart of Redis all the clients come at once.
package struct Backoff: Sendable, Hashable {
    package var base: Duration
    package var cap: Duration

    package init(base: Duration = .milliseconds(20), cap: Duration = .seconds(2)) {
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

/// Decides which failures are worth a line: the first of an outage, then one every ten seconds; and whether the end of an
/// outage is. Connections that come and go quickly make no more lines than an outage.
struct ConnectionLog: Sendable {
    private static let interval = Duration.seconds(10)

    private var lastLine: ContinuousClock.Instant?
    private var unreported = 0
    private var isOutageReported = false

    /// How many failures the line stands for, itself included; nil if there should be none.
    mutating func failure(at now: ContinuousClock.Instant) -> Int? {
        unreported += 1
        if let lastLine, lastLine.duration(to: now) < Self.interval { return nil }
        lastLine = now
        isOutageReported = true
        defer { unreported = 0 }
        return unreported
    }

    /// Whether the reader of the log still thinks that there is no connection.
    mutating func restored() -> Bool {
        defer { isOutageReported = false }
        return isOutageReported
    }
}
