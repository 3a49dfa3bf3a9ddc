// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

/// What ``SentinelDirectory`` asks of clients, and tells them. On the loop's thread.
extension RedisClient {
    /// Waits for a connection.
    func check(within limit: Duration, _ completion: @escaping @Sendable (Result<Void, RedisError>) -> Void) {
        let request = Request(RESPCommand("connect"), timeout: limit, idempotent: true)
        request.completion = .callback { completion($0.map { _ in () }) }
        submitConnectCheck(request)
    }

    func send(
        _ command: RESPCommand, within limit: Duration,
        _ completion: @escaping @Sendable (Result<RESPReply, RedisError>) -> Void
    ) {
        let request = Request(command, timeout: limit, idempotent: true, retried: false)
        request.completion = .callback(completion)
        submit(request)
    }

    /// The primary is there now. Whoever is, or is on the way, elsewhere goes there at once.
    func primaryMoved(to address: RedisAddress) {
        if let primary, primary != address {
            lose(RedisError(.connectionLost, "the primary is at \(address) now"), isWorthALine: false)
        }
        guard life.hurry() else { return }
        if let lifeTimer { loop.cancel(lifeTimer) }
        let epoch = life.epoch
        // Not all processes at the same moment.
        lifeTimer = loop.schedule(at: .now + configuration.backoff.base * .random(in: 0...1)) { [self] in
            perform(life.backoffElapsed(epoch: epoch))
        }
    }
}
