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
    /// Files for TLS, instead of those that libcurl has on its own.
    package var tls = CurlTLSFiles()

    /// Makes a request with the default bounds.
    package init(url: String, method: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil) {
        self.url = url
        self.method = method
        self.headers = headers
        self.body = body
    }
}
