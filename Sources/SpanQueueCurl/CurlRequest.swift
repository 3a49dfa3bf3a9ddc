// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CSpanQueueCurl

/// One HTTP request, for ``CurlLoop/send(_:)``.
package struct CurlRequest: Sendable {
    /// Where it goes; `http` and `https` only. Credentials in it become basic authentication and appear nowhere else.
    package var url: String
    /// With a body `POST`, `PUT`, …; without one `GET`, `DELETE`, ….
    package var method: String
    /// In this order. A line break or NUL in a name or a value makes the request invalid.
    package var headers: [(name: String, value: String)]
    /// The body; nil for none, which is not the same as an empty one.
    package var body: [UInt8]?
    /// From the start of the request to the last byte of the response.
    package var timeout = Duration.seconds(30)
    /// Name resolution, TCP and TLS together; a part of `timeout`.
    package var connectTimeout = Duration.seconds(5)
    /// How many bytes of the response's body are kept. At one more the response is taken as it is, and no more is read.
    package var responseLimitBytes = 64 << 10
    /// Whether a proxy is used where the environment names one (`http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`), as the `curl`
    /// command does; never for this machine itself. Off unless asked for: a proxy sees what is sent, and picks the address that it connects to.
    package var usesProxy = false
    /// Files for TLS, instead of those that libcurl has on its own.
    package var tls = CurlTLSFiles()

    /// Names, in lower case, of the headers that say where a request begins and ends, and where it goes. libcurl writes them itself; a
    /// second one would make two readers see two requests. A request that has one is invalid.
    package static let reservedHeaders: Set<String> = [
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]

    /// Makes a request with the default bounds.
    package init(url: String, method: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil) {
        self.url = url
        self.method = method
        self.headers = headers
        self.body = body
    }
}

/// What a server answered.
package struct CurlResponse: Sendable, Hashable {
    /// The status code of the final response.
    package let status: Int
    /// What `Retry-After` asks for, from now on, be it given in seconds or as a date; nil where it asks for nothing.
    package let retryAfter: Duration?
    /// The value of `Content-Type`, where there is one.
    package let contentType: String?
    /// The body, or its first bytes.
    package let body: [UInt8]
    /// Whether the body went on after what is kept.
    package let isTruncated: Bool
}

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

/// Paths of PEM files for TLS; nil leaves a thing to libcurl.
package struct CurlTLSFiles: Sendable, Hashable {
    /// The certificates of those who may sign the server's.
    package var authorities: String?
    /// Our own certificate, for servers that ask for one.
    package var certificate: String?
    /// The private key of our own certificate.
    package var key: String?

    package init(authorities: String? = nil, certificate: String? = nil, key: String? = nil) {
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
    }
}

/// A URL taken apart by libcurl itself, so that what is checked here is what is connected to.
package struct CurlAddress: Sendable, Hashable {
    /// `http` or `https`.
    package let scheme: String
    /// In lower case; an IPv6 address in brackets.
    package let host: String
    /// Given or implied by the scheme.
    package let port: Int
    /// The URL without credentials, for errors and logs: no query either, since tokens are often put there.
    package let shown: String
    /// The URL without credentials: what is requested.
    let url: String
    /// Decoded.
    let user: String?
    let password: String?

    /// - Throws: `CurlError` of kind `invalidRequest`, without a word of the URL in it.
    package init(_ text: String) throws(CurlError) {
        // A backslash ends the host for browsers and does not for libcurl: nobody should have to know which.
        guard !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") }) else {
            throw CurlError(
                .invalidRequest,
                "the URL has a space, control character or backslash in it: write it as %20 or the like")
        }
        guard let handle = curl_url() else { throw CurlError(.invalidRequest, "out of memory") }
        defer { curl_url_cleanup(handle) }
        guard curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK,
            let scheme = Self.part(CURLUPART_SCHEME, of: handle), scheme == "http" || scheme == "https",
            let host = Self.part(CURLUPART_HOST, of: handle), !host.isEmpty,
            // libcurl takes an @ in the zone of an IPv6 address: nobody should have to know what is password there.
            Self.part(CURLUPART_ZONEID, of: handle)?.contains("@") != true,
            let portText = Self.part(CURLUPART_PORT, of: handle, flags: CURLU_DEFAULT_PORT), let port = Int(portText)
        else {
            throw CurlError(.invalidRequest, "the URL is not valid: write http://host[:port]/path or https://…")
        }
        // Nobody is ever sent one, so whoever wrote it means something else.
        guard Self.part(CURLUPART_FRAGMENT, of: handle) == nil, !text.contains("#") else {
            throw CurlError(.invalidRequest, "the URL has a # in it: leave out the fragment, or write %23")
        }
        self.user = Self.part(CURLUPART_USER, of: handle, flags: CURLU_URLDECODE)
        self.password = Self.part(CURLUPART_PASSWORD, of: handle, flags: CURLU_URLDECODE)
        // What can't be decoded (an encoded NUL, say) must not turn into a request without credentials.
        guard (user == nil) == (Self.part(CURLUPART_USER, of: handle) == nil),
            (password == nil) == (Self.part(CURLUPART_PASSWORD, of: handle) == nil)
        else { throw CurlError(.invalidRequest, "the URL's user or password has a control character in it") }
        self.scheme = scheme
        self.host = host.lowercased()
        self.port = port
        for part in [CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS] {
            curl_url_set(handle, part, nil, 0)
        }
        guard let url = Self.part(CURLUPART_URL, of: handle) else {
            throw CurlError(.invalidRequest, "the URL is not valid: write http://host[:port]/path or https://…")
        }
        self.url = url
        curl_url_set(handle, CURLUPART_QUERY, nil, 0)
        self.shown = Self.part(CURLUPART_URL, of: handle) ?? "\(scheme)://\(host)"
    }

    private static func part(_ part: CURLUPart, of handle: OpaquePointer, flags: Int32 = 0) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &text, UInt32(flags)) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }
}
