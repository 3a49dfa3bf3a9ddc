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
