// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

/// A client that listens, instead of sending commands.
extension RedisClient {
    /// Connects, now and whenever the connection is lost, and hears what is published. Called again, it hears more channels; the last
    /// `hear` is told of all.
    ///
    /// - Parameters:
    ///   - refused: told when a channel was not subscribed to: of an error of the server, or of a connection that is lost, in which case
    ///     the next one tries again.
    ///   - hear: told the channel and the message, on the loop's thread: be quick.
    package func subscribe(
        to channels: [String], orElse refused: @escaping @Sendable (RedisError) -> Void = { _ in },
        _ hear: @escaping @Sendable (_ channel: String, _ message: String) -> Void
    ) {
        let known = Set(subscription?.channels ?? [])
        let fresh = channels.filter { !known.contains($0) }
        subscription = Subscription(channels: (subscription?.channels ?? []) + fresh, hear: hear, refused: refused)
        // Else when it is ready, see ``subscribeAgain()``.
        if life.state == .ready { subscribe(fresh) }
        perform(life.start())
    }

    /// On a new connection.
    func subscribeAgain() {
        if let subscription { subscribe(subscription.channels) }
    }

    /// A command for each channel: each has one reply then, as all others have.
    private func subscribe(_ channels: [String]) {
        for channel in channels {
            let request = Request(
                RESPCommand("SUBSCRIBE", channel), timeout: configuration.commandTimeout, idempotent: false)
            let refused = subscription?.refused
            request.completion = .callback { if case .failure(let error) = $0 { refused?(error) } }
            submit(request)
        }
    }

    /// Sees whether the connection is alive: one that says nothing within the time is given up, and a new one made.
    package func checkSubscription(within limit: Duration) {
        guard life.state == .ready, subscription != nil else { return }
        submit(Request(RESPCommand("PING"), timeout: limit, idempotent: false))
    }
}

/// What a client listens to, once it is connected.
struct Subscription: Sendable {
    var channels: [String]
    let hear: @Sendable (_ channel: String, _ message: String) -> Void
    let refused: @Sendable (RedisError) -> Void

    /// What was published, and where; nil for other replies.
    static func message(in reply: RESPReply) -> (channel: String, text: String)? {
        var cursor = RESPCursor(reply)
        guard (try? cursor.nextArray(of: 3)) != nil, (try? cursor.nextString()) == "message",
            let channel = try? cursor.nextString(), let text = try? cursor.nextString()
        else { return nil }
        return (channel, text)
    }
}
