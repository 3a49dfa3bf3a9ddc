// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

/// The life of a client's connection, as a value that does no I/O. Events go in, what to do next comes out.
///
/// ```
/// idle ─start─▶ connecting ─opened─▶ ready
///                   ▲  └── failed ──┐  │
///                   └─elapsed─ backingOff ◀─ failed      close: any ─▶ closed
/// ```
///
/// Each attempt has an `epoch`. It is made on a thread of its own and may end late; an event with the epoch of an earlier attempt
/// changes nothing.
struct ConnectionLife: Sendable, Equatable {
    enum State: Sendable, Equatable {
        case idle, connecting, ready, backingOff, closed
    }

    enum Action: Sendable, Equatable {
        case none
        case open
        /// Send what waits. The count of connections that were ready, this one included.
        case serve(generation: Int)
        case backOff(Duration)
        case shutDown
    }

    private(set) var state = State.idle
    private(set) var epoch = 0
    private(set) var generation = 0
    private var failures = 0
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
        state = .ready
        generation += 1
        return .serve(generation: generation)
    }

    /// - Parameters:
    ///   - random: from 0 to 1.
    ///   - served: for how long the connection was ready: one that lasted is a reason to forget the failures before it.
    mutating func failed(epoch: Int, random: Double, served: Duration = .zero) -> Action {
        guard epoch == self.epoch, state == .connecting || state == .ready else { return .none }
        if state == .ready, served > backoff.cap { failures = 0 }
        state = .backingOff
        defer { failures += 1 }
        return .backOff(backoff.delay(attempt: failures, random: random))
    }

    mutating func backoffElapsed(epoch: Int) -> Action {
        guard state == .backingOff, epoch == self.epoch else { return .none }
        return attempt()
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
