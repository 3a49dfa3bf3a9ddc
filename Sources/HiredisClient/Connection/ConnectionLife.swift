// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

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
