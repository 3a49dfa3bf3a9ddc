// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import SpanQueueCurl
internal import SpanQueueGzip
internal import SpanQueueTelemetry

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
    /// Neither is known, or trying again is of no use.
    case failed(errorType: String)
}

/// OTLP/HTTP through libcurl.
struct CurlTransport: OTLPTransport {
    /// How much of an answer is read; more than any partial success has to say.
    private static let responseLimitBytes = 64 << 10

    private let endpoint: OTLPEndpoint
    private let http: CurlLoop

    init(to endpoint: OTLPEndpoint, over http: CurlLoop) {
        self.endpoint = endpoint
        self.http = http
    }

    var shownURL: String { endpoint.shownURL }
    var timeout: Duration { endpoint.timeout }

    func send(_ body: [UInt8], as contentType: String, within limit: Duration) async -> OTLPAnswer {
        var request = CurlRequest(url: endpoint.url, method: "POST")
        request.headers = endpoint.headers.filter { !$0.isReserved }.map { ($0.name, $0.value) }
        request.headers.append(("Content-Type", contentType))
        if !endpoint.headers.contains(where: { $0.name.lowercased() == "user-agent" }) {
            request.headers.append(("User-Agent", "OTel-OTLP-Exporter-SpanQueue/\(LibraryVersion.text)"))
        }
        if endpoint.usesGzip, let packed = Gzip.compress(body) {
            request.headers.append(("Content-Encoding", "gzip"))
            request.body = packed
        } else {
            request.body = body
        }
        request.timeout = limit
        request.responseLimitBytes = Self.responseLimitBytes
        request.usesProxy = true
        request.tls = CurlTLSFiles(
            authorities: endpoint.authorities, certificate: endpoint.clientCertificate, key: endpoint.clientKey)
        do {
            let response = try await http.send(request)
            return .status(
                response.status, retryAfter: response.retryAfter, contentType: response.contentType,
                body: response.body)
        } catch {
            // With a status the collector has decided, whatever became of the rest of its answer.
            if let status = error.status { return .status(status) }
            switch error.kind {
            case .connect, .resolve, .transfer: return .unanswered(errorType: error.kind.rawValue)
            case .invalidRequest, .tls, .timeout, .cancelled, .closed:
                return .failed(errorType: error.kind.rawValue)
            }
        }
    }
}
