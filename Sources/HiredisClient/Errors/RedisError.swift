// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What went wrong with a command: a code for programs, a message that tells people what to do, and whether the command
/// may have run. A cancelled call throws `CancellationError` instead.
package struct RedisError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: Sendable, Hashable {
        /// The connection broke after the command was written.
        case connectionLost
        /// No connection could be had before the deadline.
        case unreachable
        /// Written, and not answered in time.
        case timeout
        /// Only for observers: callers get a `CancellationError`.
        case cancelled
        /// The client was closed.
        case closed
        /// Too much is waiting already.
        case overloaded
        case outOfMemory
        case readOnly
        case loading
        case busy
        case tryAgain
        /// A script found that the time of its caller was up by Redis' clock, and did nothing.
        case late
        case masterDown
        /// UNBLOCKED: it gave up a blocking command, since it became a replica.
        case unblocked
        case noScript
        /// NOAUTH, WRONGPASS, NOPERM.
        case authentication
        /// The server's certificate does not hold, or ours is not accepted, or one of the two does not speak TLS. The message says
        /// which.
        case tls
        /// The Sentinels know no service of the URL's name.
        case unknownService
        case wrongType
        /// NOREPLICAS: too few replicas are there for a write.
        case noReplicas
        /// MISCONF: it can't save, and takes no writes until it can.
        case cannotSave
        /// CLUSTERDOWN.
        case clusterDown
        /// It can't do this: a node of a cluster that has the key elsewhere, a command that it does not know, a value that is too long
        /// for it.
        case unsupported
        /// The bytes are not RESP2, or a reply is not what its command promises.
        case protocolViolation
        /// Any other error of the server, by the first word of its text, such as `ERR`.
        case other(String)
    }

    package var code: Code
    package var message: String

    /// Whether the command may have had its effect: it was written, and nothing proves that Redis refused it.
    package var mayHaveRun: Bool

    package init(_ code: Code, _ message: String, mayHaveRun: Bool = false) {
        self.code = code
        self.message = message
        self.mayHaveRun = mayHaveRun
    }

    package var description: String { message }
}
