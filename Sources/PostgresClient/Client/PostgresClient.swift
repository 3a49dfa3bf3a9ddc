// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging
package import SpanQueueLoop

/// A client of one Postgres on one connection, in pipeline mode. Calls leave in their order, each is one transaction, and an answer
/// goes to its caller or to nobody: one who has been cancelled, or whose time was up, leaves a place in the line that swallows it.
///
/// The actor runs on its loop's thread, where all its state is; calls go there and come back without the global pool. Connections are
/// made on threads of their own (``Connector``).
package actor PostgresClient {
    package nonisolated let loop: LoopThread
    package nonisolated let url: PostgresURL
    package nonisolated let name: String
    nonisolated let configuration: Configuration
    let logger: Logger

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// How many calls are written and not answered at most: what is beyond that can still be taken back.
    static let mostWritten = 1000

    var life: ConnectionLife
    var line: CallLine<Request>
    var source: ClientSource?
    var lifeTimer: LoopTimer?
    var deadlineTimer: LoopTimer?
    var readySince: ContinuousClock.Instant?
    var lastFailure: PostgresError?
    var connectionLog = ConnectionLog()
    /// Calls that met a conflict, until they are tried again.
    var parked: [ObjectIdentifier: Request] = [:]
    /// Who waits for a connection, by number.
    var connectWaiters: [Int: UnsafeContinuation<Void, any Error>] = [:]
    var lastWaiter = 0

    /// Connects with the first call.
    package init(
        url: PostgresURL, name: String, configuration: Configuration = Configuration(), loop: LoopThread, logger: Logger
    ) {
        self.url = url
        self.name = name
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        life = ConnectionLife(backoff: configuration.backoff)
        line = CallLine(
            limits: .init(calls: configuration.maximumPendingCalls, bytes: configuration.maximumPendingBytes))
    }

    /// The count of connections that were ready.
    package var generation: Int { life.generation }

    /// The server's process for the present connection, if there is one.
    package var backend: Int32? { source?.pipeline.backend }

    /// Begins to connect, and stays connected.
    package nonisolated func open() {
        loop.execute { self.assumeIsolated { $0.perform($0.life.start()) } }
    }

    /// Fails every call, and lets go of the connection. Calls afterwards fail with ``PostgresError/Code/closed``.
    package func close() {
        perform(life.close())
        let error = PostgresError(.closed, "the Postgres client was closed")
        for request in line.live + Array(parked.values) {
            finish(request, throwing: PostgresError(.closed, error.message, mayHaveRun: mayHaveRun(request)))
        }
        line.removeAll()
        parked.removeAll()
        failWaiters(with: error)
        if let deadlineTimer { loop.cancel(deadlineTimer) }
        deadlineTimer = nil
    }
}
