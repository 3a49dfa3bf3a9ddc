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
