// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging
package import SpanQueueLoop

/// A client of one Redis, with one connection that it keeps up by itself.
///
/// **Thread.** Its state belongs to the thread of its ``LoopThread``, which is its executor, so there is not a lock in
/// here. Calls are handed to that thread, and whatever was handed over in one turn of the loop leaves in one write. Only a
/// lone call, made while there is nothing to do, is sent and awaited by its caller's thread: see ``DirectLine``.
///
/// **Promises.** A reply reaches the caller of its command or nobody. Each call ends: with its reply, at its deadline, at
/// its cancellation, or with ``close()``. A command is sent twice only if its caller said that it is idempotent, or if
/// Redis said that it did not run it (`NOSCRIPT`).
///
/// **Ownership.** Whoever made it calls ``close()``; without that it goes on trying to connect.
package actor RedisClient {
    package nonisolated let url: RedisURL
    package nonisolated let name: String
    nonisolated let configuration: Configuration
    nonisolated let loop: LoopThread
    let logger: Logger

    var life: ConnectionLife
    var queue = PendingQueue<Request>()
    /// Requests outside of the queue: waiting to be tried again, or for the first connection (``connect(timeout:)``).
    var parked: [ObjectIdentifier: Request] = [:]
    var connectChecks: [Request] = []

    var source: ClientSource?
    /// What was read for the last TLS connection.
    var tlsContext: TLSContext?
    var reader: ReplyReader?
    /// For callers to whom the connection is lent, see ``lendIfIdle(_:)``.
    nonisolated let line: DirectLine
    var output = WriteBuffer()
    var handshake: Handshake?
    /// Ends an attempt to connect that takes too long, or the wait for the next one.
    var lifeTimer: LoopTimer?
    /// The primary that Sentinels have named, for this connection.
    var primary: RedisAddress?
    /// What this connection was opened to: an address and its port, or a path.
    var peer = ""
    /// The same of the last connection that was ready.
    var servedBy = ""
    nonisolated let sentinels: SentinelDirectory?
    var subscription: Subscription?
    /// Since when there is a connection.
    var readySince: ContinuousClock.Instant?
    /// Why the connection is to be given up as soon as the caller who has it gives it back.
    var dueLoss: RedisError?
    /// Tries the addresses of the server that were not tried yet.
    var dialNext: (() -> Void)?
    var deadlineTimer: LoopTimer?
    var connectionLog = ConnectionLog()
    /// Why there is no connection.
    var lastFailure: RedisError?
    /// The server is none for us, by what it says: the connection ends with the last reply that is under way.
    var refusal: RedisError?
    /// Scripts with a `SCRIPT LOAD` on this connection, under way or refused.
    var loadingScripts: Set<ObjectIdentifier> = []

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Connects with the first command, or with ``connect(timeout:)``.
    ///
    /// - Parameters:
    ///   - name: how the connection is called in `CLIENT LIST`; no spaces.
    ///   - loop: must outlive the client; several may share one.
    package init(
        url: RedisURL, name: String, configuration: Configuration = Configuration(), loop: LoopThread, logger: Logger
    ) {
        self.url = url
        self.name = name
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        sentinels =
            configuration.sentinels
            ?? SentinelDirectory(
                url: url, settings: SentinelSettings(), tls: configuration.tls, loop: loop, logger: logger)
        line = DirectLine(longestWait: configuration.longestDirectWait)
        life = ConnectionLife(backoff: configuration.backoff)
    }

    /// How many connections have been ready so far. A change means that there was a gap.
    package var generation: Int { life.generation }

    /// Commands that wait or are under way, with those that were cancelled and whose reply is still to come.
    package var pendingCount: Int { queue.count }

    /// Which server the present connection is to, or the last one was: those of one server's clients are equal.
    package var server: String { peer }

    package var isConnected: Bool { life.state == .ready }

    /// Whether it is connected, nothing is under way, and next to nothing waits: what is sent now waits for nobody's reply.
    package var isClear: Bool {
        life.state == .ready && refusal == nil && !line.loan.isTaken && !queue.hasWritten && output.isEmpty
            && queue.bytes < 64 * 1024
    }

    /// Waits until there is a connection. Throws why there is none: at once if Redis refuses the password, else when the
    /// time is up. The client goes on trying in either case.
    package nonisolated func connect(timeout: Duration? = nil) async throws {
        let check = Request(RESPCommand("connect"), timeout: timeout ?? configuration.connectTimeout, idempotent: true)
        _ = try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                check.completion = .caller(continuation)
                loop.execute { self.assumeIsolated { $0.submitConnectCheck(check) } }
            }
        } onCancel: {
            loop.execute { self.assumeIsolated { $0.cancel(check) } }
        }
    }

    /// Drops the connection and fails everything that waits. The client can do nothing after that.
    package func close() {
        guard life.close() == .shutDown else { return }
        disconnect()
        subscription = nil
        sentinels?.assumeIsolated { sentinels in
            sentinels.detach(self)
            if configuration.sentinels == nil { sentinels.close() }
        }
        let error = RedisError(.closed, "the Redis client was closed")
        for request in queue.removeAll() { finish(request, throwing: error) }
        for request in Array(parked.values) { finish(request, throwing: error) }
        if let deadlineTimer { loop.cancel(deadlineTimer) }
        deadlineTimer = nil
    }
}

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
        package var backoff = Backoff(base: .milliseconds(20), cap: .seconds(2))
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
