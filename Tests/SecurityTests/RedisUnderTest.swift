// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueueRedis

/// A test's Redis: reached by its Unix socket, or, where `SPANQ_TEST_TLS` is 1, over TLS and with a certificate for the client.
struct RedisUnderTest {
    let server: RedisServer
    /// As the user whose rights the server was started with, or else as the default user.
    var url: String { url(user: user) }
    /// What a `spanq` needs beside the URL.
    let certificates: [String: String]
    let options: RedisEngineOptions
    private let tls: TLSServer?

    var environment: [String: String] { certificates.merging(["SPANQ_REDIS_URL": url]) { $1 } }

    static func start(_ arguments: [String] = []) async throws -> RedisUnderTest {
        if isEncrypted { return try RedisUnderTest(try await TLSServer.start(arguments, clients: "yes")) }
        return RedisUnderTest(try await RedisServer.start(arguments))
    }

    /// With the rights of `deploy/redis/users.acl`; its `environment` comes as that user.
    static func startRestricted(edit: @escaping (String) -> String = { $0 }) async throws -> RedisUnderTest {
        if isEncrypted {
            return try RedisUnderTest(try await TLSServer.start(clients: "yes", rights: edit), isRestricted: true)
        }
        return RedisUnderTest(try await RedisServer.startRestricted(edit: edit), isRestricted: true)
    }

    /// - Parameter user: as it stands before the `@` of a URL.
    func url(user: String) -> String {
        let user = user.isEmpty ? user : user + "@"
        return tls.map { "rediss://\(user)localhost:\($0.port)" } ?? "unix://\(user)\(server.socketPath)"
    }

    func stop() { server.stop() }

    private static let isEncrypted = ProcessInfo.processInfo.environment["SPANQ_TEST_TLS"] == "1"
    private let user: String

    private init(_ server: RedisServer, isRestricted: Bool = false) {
        self.server = server
        user = isRestricted ? RedisServer.restrictedCredentials : ""
        certificates = [:]
        options = RedisEngineOptions()
        tls = nil
    }

    private init(_ tls: TLSServer, isRestricted: Bool = false) throws {
        let client = try tls.authority.sign("client", for: "DNS:client")
        server = tls.server
        user = isRestricted ? RedisServer.restrictedCredentials : ""
        certificates = [
            "SPANQ_REDIS_TLS_CA": tls.authority.certificate, "SPANQ_REDIS_TLS_CERT": client.certificate,
            "SPANQ_REDIS_TLS_KEY": client.key,
        ]
        var options = RedisEngineOptions()
        options.tls = RedisTLS(
            authorities: tls.authority.certificate, certificate: client.certificate, key: client.key)
        self.options = options
        self.tls = tls
    }
}
