// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A server that speaks TLS on a port, and none but TLS there. Its Unix socket is as that of the others.
package struct TLSServer: Sendable {
    package let server: RedisServer
    package let authority: TLSAuthority
    package let identity: TLSAuthority.Identity
    package let port: Int

    /// - Parameters:
    ///   - clients: whether clients must have a certificate: `yes`, `no` or `optional`.
    ///   - identity: the server's; one for `localhost` and its addresses unless given.
    ///   - rights: as the `edit` of `RedisServer.startRestricted`, for a server with one user of few rights.
    package static func start(
        _ extraArguments: [String] = [], authority: TLSAuthority? = nil, identity: TLSAuthority.Identity? = nil,
        clients: String = "no", environment: [String: String] = [:], rights: ((String) -> String)? = nil
    ) async throws -> TLSServer {
        let authority = try authority ?? TLSAuthority()
        let identity = try identity ?? authority.sign("server")
        let port = try freePort()
        let arguments =
            [
                "--tls-port", "\(port)", "--tls-cert-file", identity.certificate, "--tls-key-file", identity.key,
                "--tls-ca-cert-file", authority.certificate, "--tls-auth-clients", clients,
            ] + extraArguments
        let server =
            if let rights {
                try await RedisServer.startRestricted(arguments, edit: rights)
            } else {
                try await RedisServer.start(arguments, environment: environment)
            }
        return TLSServer(server: server, authority: authority, identity: identity, port: port)
    }

    /// For clients, by the name that its certificate has.
    package var url: String { "rediss://localhost:\(port)" }

    package func stop() { server.stop() }
}
