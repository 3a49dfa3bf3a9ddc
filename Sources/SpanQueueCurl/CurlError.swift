/// Why there is no response. The message names the address without its credentials and query.
package struct CurlError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is; a word that is fit for a metric's label.
    package enum Kind: String, Sendable {
        /// The request can't be sent: its URL, method or headers are not valid. Nothing was sent.
        case invalidRequest = "invalid_request"
        /// The name can't be resolved.
        case resolve
        /// No connection: refused, unreachable.
        case connect
        /// The server's certificate or the handshake is not acceptable.
        case tls
        /// Not done in time. The server may have acted.
        case timeout
        /// The connection broke, or the answer is not HTTP. The server may have acted.
        case transfer
        /// The calling task was cancelled. The server may have acted.
        case cancelled
        /// The loop has been shut down.
        case closed
    }

    package let kind: Kind
    package let message: String
    /// The status, where the server had sent one before the transfer failed.
    package let status: Int?

    package init(_ kind: Kind, _ message: String, status: Int? = nil) {
        self.kind = kind
        self.message = message
        self.status = status
    }

    package var description: String { message }
}
