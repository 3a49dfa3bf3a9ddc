// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueueLoop

extension PostgresClient {
    package struct Configuration: Sendable {
        /// For calls that name no timeout of their own: from the call to the answer, waiting for a connection included.
        package var callTimeout: Duration = .seconds(5)
        /// For one address of the server, in whole seconds rounded up, and two at least; what the URL or `PGCONNECT_TIMEOUT` says goes
        /// before it.
        package var connectTimeout: Duration = .seconds(5)
        /// Whether ``PostgresClient/connect(timeout:)`` waits for a server that can't be reached now; else the first failure is its error.
        package var waitsForServer = true
        /// Between attempts to connect, and between attempts of a call that met a conflict.
        package var backoff = Backoff(base: .milliseconds(50), cap: .seconds(2))
        /// Calls that wait or are under way; the next ones fail with ``PostgresError/Code/overloaded``.
        package var maximumPendingCalls = 100_000
        /// Their bytes. A larger call still goes out if it is alone.
        package var maximumPendingBytes = 64 << 20
        /// The channel to `LISTEN` on with every connection, and who is told of what comes there: called on the loop's thread, be quick.
        package var channel: String?
        package var onNotify: (@Sendable (_ payload: String) -> Void)?
        /// Told of every call when it ends: its name, the time since the call, and the error if there was one. On the loop's thread.
        package var observer: (@Sendable (_ name: String, _ duration: Duration, _ error: PostgresError?) -> Void)?
        /// Told when a connection is ready, with its number: from the second on, answers and notifications may have been missed, and time
        /// has passed. On the loop's thread, before anything is sent.
        package var onConnect: (@Sendable (_ generation: Int) -> Void)?

        package init() {}
    }
}
