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

    /// Connects, now and whenever the connection is lost, and hears what is published, with its channel.
    func subscribe(to channels: [String], _ hear: @escaping @Sendable (_ channel: String, _ message: String) -> Void) {
        subscription = Subscription(channels: channels, hear: hear)
        perform(life.start())
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

/// What a client listens to, once it is connected, instead of sending commands.
struct Subscription: Sendable {
    let channels: [String]
    let hear: @Sendable (_ channel: String, _ message: String) -> Void

    /// What was published, and where; nil for other replies.
    func message(in reply: RESPReply) -> (channel: String, text: String)? {
        var cursor = RESPCursor(reply)
        guard (try? cursor.nextArray(of: 3)) != nil, (try? cursor.nextString()) == "message",
            let channel = try? cursor.nextString(), channels.contains(channel), let text = try? cursor.nextString()
        else { return nil }
        return (channel, text)
    }
}
