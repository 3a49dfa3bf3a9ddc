// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

extension RedisClient {
    package struct Configuration: Sendable {
        /// For a `rediss://` URL.
        package var tls = TLSSettings()
        /// Where the primary is, for a URL with Sentinels. Clients on one loop may share it; without, a client has one of its own.
        package var sentinels: SentinelDirectory?
        /// For commands that name no timeout of their own: from the call to the reply, waiting for a connection included.
        package var commandTimeout: Duration = .seconds(5)
        /// For one address of the server: connecting, and the handshake.
        package var connectTimeout: Duration = .seconds(5)
        /// Whether ``RedisClient/connect(timeout:)`` waits for a server that can't be reached now; else the first failure to
        /// reach it on any of its addresses is its error.
        package var waitsForServer = true
        /// Between attempts to connect, and between attempts of a command that Redis could not run yet.
        package var backoff = Backoff()
        /// Commands that wait or are under way; the next ones fail with ``RedisError/Code/overloaded``.
        package var maximumPendingCommands = 100_000
        /// Their bytes. A command larger than that still goes out if it is alone.
        package var maximumPendingBytes = 64 * 1024 * 1024
        /// A connection with a larger reply is dropped.
        package var maximumReplyBytes = 512 * 1024 * 1024
        /// How long the thread of a lone caller waits for its reply before the loop does, in whole milliseconds; see ``WaitBudget``.
        package var longestDirectWait: Duration = .milliseconds(1)
        /// For clients of blocking commands: the server gives up `BLPOP` for nobody else when its caller is gone.
        package var dropConnectionOnCancel = false
        /// Loaded with every connection, so that calls by digest just work.
        package var scripts: [RedisScript] = []
        /// Told of every command when it ends: its name (a script's for a script), the time since the call, and the
        /// error if there was one. Called on the loop's thread, or the caller's: be quick.
        package var observer: (@Sendable (_ name: String, _ duration: Duration, _ error: RedisError?) -> Void)?
        /// Told when a connection is ready, with ``RedisClient/generation``: from the second on, replies and pushes may
        /// have been missed, and time has passed. Called on the loop's thread, before anything is sent: be quick.
        ///
        /// `isElsewhere`: to another server than the connection before.
        package var onConnect: (@Sendable (_ generation: Int, _ isElsewhere: Bool) -> Void)?

        package init() {}
    }
}
