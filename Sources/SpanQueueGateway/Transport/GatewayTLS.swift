// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import GRPCNIOTransportHTTP2Posix
package import Logging
import NIOSSL
package import SpanQueue

/// How a gateway proves who it is, and whether its clients have to.
package struct GatewayTLS: Sendable, Hashable {
    /// Paths of PEM files.
    package var certificate: String
    package var key: String
    /// Whose certificates clients must have; nil where they need none.
    package var clientAuthorities: String?

    package init(certificate: String, key: String, clientAuthorities: String? = nil) {
        self.certificate = certificate
        self.key = key
        self.clientAuthorities = clientAuthorities
    }

    /// - Returns: nil where none of the three is given.
    /// - Throws: `.invalidArgument` where some are missing.
    package init?(certificate: String?, key: String?, clientAuthorities: String?) throws(SpanQueueError) {
        if certificate == nil, key == nil, clientAuthorities == nil { return nil }
        guard let certificate, let key else {
            throw SpanQueueError(
                .invalidArgument, "TLS needs both --tls-cert and --tls-key; --tls-client-ca stands beside them")
        }
        self.init(certificate: certificate, key: key, clientAuthorities: clientAuthorities)
    }

    /// - Throws: `.invalidArgument` for files that can't be used.
    package func security(logger: Logger) throws(SpanQueueError) -> HTTP2ServerTransport.Posix.TransportSecurity {
        let files = try CertificateFiles(certificate: certificate, key: key, logger: logger)
        if let clientAuthorities {
            guard let found = try? NIOSSLCertificate.fromPEMFile(clientAuthorities), !found.isEmpty else {
                throw SpanQueueError(.invalidArgument, "\(clientAuthorities) has no certificate in PEM")
            }
        }
        do {
            guard let clientAuthorities else { return try .tls(certificateReloader: files) { $0.requireALPN = true } }
            return try .mTLS(certificateReloader: files) { tls in
                tls.trustRoots = .certificates([.file(path: clientAuthorities, format: .pem)])
                tls.requireALPN = true
            }
        } catch {
            throw SpanQueueError(.invalidArgument, "\(certificate): \(error)")
        }
    }
}
