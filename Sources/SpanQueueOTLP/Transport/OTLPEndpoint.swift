// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import SpanQueueCurl

/// Where and how one signal is sent over OTLP/HTTP.
public struct OTLPEndpoint: Sendable, Hashable {
    /// The whole URL of the signal, such as `http://localhost:4318/v1/traces`; http or https.
    public var url: String
    /// Sent with each request, except for those whose name is reserved (``Header/isReserved``). Values are secrets: they appear in
    /// no description.
    public var headers: [Header]
    /// How bodies are written.
    public var encoding: OTLPProtocol
    /// Whether bodies are compressed with gzip.
    public var usesGzip: Bool
    /// How long one request may take; an export may make several.
    public var timeout: Duration
    /// A PEM file with the certificates of those who may sign the collector's; nil for the system's.
    public var authorities: String?
    /// A PEM file with our own certificate, for collectors that ask for one.
    public var clientCertificate: String?
    /// A PEM file with its private key.
    public var clientKey: String?

    /// Makes an endpoint.
    public init(
        url: String, headers: [Header] = [], encoding: OTLPProtocol = .httpJSON, usesGzip: Bool = false,
        timeout: Duration = .seconds(10),
        authorities: String? = nil, clientCertificate: String? = nil, clientKey: String? = nil
    ) {
        self.url = url
        self.headers = headers
        self.encoding = encoding
        self.usesGzip = usesGzip
        self.timeout = timeout
        self.authorities = authorities
        self.clientCertificate = clientCertificate
        self.clientKey = clientKey
    }

    /// A header of every request.
    public struct Header: Sendable, Hashable {
        /// Its name.
        public var name: String
        /// Its value, a secret.
        public var value: String

        /// Makes a header.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }

        /// Whether it is the exporter's own matter and is not sent: it says where a request begins and ends, where it goes, or how the
        /// body is written.
        public var isReserved: Bool {
            let name = name.lowercased()
            return CurlRequest.reservedHeaders.contains(name) || name == "content-type" || name == "content-encoding"
        }
    }
}

extension OTLPEndpoint.Header: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The name; the value is not shown.
    public var description: String { "\(name): ***" }
    /// The name; the value is not shown.
    public var debugDescription: String { description }
    /// The name; the value is not shown, by `dump` neither.
    public var customMirror: Mirror { Mirror(self, children: ["name": name]) }
}

extension OTLPEndpoint: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Without credentials, query and header values.
    public var description: String {
        let names = headers.isEmpty ? "" : " headers: \(headers.map(\.name).joined(separator: ", "))"
        return shownURL + (usesGzip ? " gzip" : "") + names
    }
    /// As `description`.
    public var debugDescription: String { description }
    /// Without credentials, query and header values.
    public var customMirror: Mirror { Mirror(self, children: ["url": shownURL, "headers": headers]) }
}

extension OTLPEndpoint {
    /// The URL without credentials and query.
    var shownURL: String {
        (try? CurlAddress(url))?.shown ?? "(a URL that is not valid)"
    }

    /// What is wrong with a URL, without a word of it; nil where it can be used.
    static func problem(with url: String) -> String? {
        do {
            _ = try CurlAddress(url)
            return nil
        } catch {
            return error.message
        }
    }

    /// The URL of a signal below the base that all signals share, with one slash between them.
    static func url(base: String, signal: OTLPSignal) -> String {
        // A query stays behind the path.
        let parts = base.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = String(parts.first ?? "")
        let query = parts.count > 1 ? "?\(parts[1])" : ""
        return path + (path.hasSuffix("/") ? "" : "/") + signal.path + query
    }
}
