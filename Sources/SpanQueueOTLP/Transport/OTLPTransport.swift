/// Takes one request to a collector. What is sent over it, when, and whether again, is the exporter's matter.
package protocol OTLPTransport: Sendable {
    /// Where it leads, for a person: no credentials, no query.
    var shownURL: String { get }
    /// How long one request may take at most.
    var timeout: Duration { get }

    /// Sends a body and waits for the answer.
    ///
    /// - Parameters:
    ///   - body: of the request.
    ///   - contentType: of the body.
    ///   - limit: how long it may take.
    func send(_ body: [UInt8], as contentType: String, within limit: Duration) async -> OTLPAnswer
}

/// What a request came to.
package enum OTLPAnswer: Sendable, Hashable {
    /// There was a final status.
    case status(Int, retryAfter: Duration? = nil, contentType: String? = nil, body: [UInt8] = [])
    /// No connection came about, or it was closed before a status: nothing was taken.
    case unanswered(errorType: String)
    /// Neither is known, or it is no use to try again.
    case failed(errorType: String)
}
