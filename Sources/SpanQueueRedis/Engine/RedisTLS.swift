package import HiredisClient
import SpanQueue

/// How the server of a `rediss://` URL is checked, and how it checks us.
///
/// The server's certificate is always verified: that an authority which is trusted here has signed it, that it has not expired, and
/// that it is for the host of the URL. Nothing turns that off. TLS 1.2 and 1.3 are spoken. The files are in PEM; they are read at the
/// start, and again at a connection when they have changed, so a certificate can be renewed under a running process.
public struct RedisTLS: Sendable, Hashable {
    /// The path of a file with the certificates of the authorities to trust, or of a folder as `openssl rehash` makes it; the
    /// system's unless set.
    public var authorities: String?
    /// The path of our own certificate with the chain that leads to it, for servers that ask clients for one; none unless set.
    public var certificate: String?
    /// The path of its key, which must not have a password.
    public var key: String?
    /// The name that the server's certificate must be for, where that is not the URL's host: for a server that is reached by its
    /// address, or through a tunnel.
    public var serverName: String?

    /// - Parameters:
    ///   - authorities: see the property of this name, as for the others.
    public init(
        authorities: String? = nil, certificate: String? = nil, key: String? = nil, serverName: String? = nil
    ) {
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
        self.serverName = serverName
    }

    package var settings: TLSSettings {
        TLSSettings(caPath: authorities, certificatePath: certificate, keyPath: key, serverName: serverName)
    }

    /// Whether it can be used for a URL.
    func check(for url: RedisURL) throws(SpanQueueError) {
        guard url.usesTLS else {
            guard self == RedisTLS() else {
                throw SpanQueueError(
                    .invalidArgument, "TLS settings have no effect on \(url): write rediss:// to connect by TLS")
            }
            return
        }
        do throws(RedisError) {
            try settings.check()
        } catch {
            throw SpanQueueError(.invalidArgument, error.message)
        }
    }
}
