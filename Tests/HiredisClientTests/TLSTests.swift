// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueueLoop
import Testing

@testable import HiredisClient

@Suite("TLS", .timeLimit(.minutes(3)))
struct TLSTests {
    private func configuration(
        _ server: TLSServer, name: String? = nil, identity: TLSAuthority.Identity? = nil
    ) -> RedisClient.Configuration {
        var configuration = RedisClient.Configuration()
        configuration.commandTimeout = .seconds(30)
        configuration.tls = TLSSettings(
            caPath: server.authority.certificate, certificatePath: identity?.certificate, keyPath: identity?.key,
            serverName: name)
        return configuration
    }

    /// What the start says, of a server that can't be worked with.
    private func failure(of url: String, _ configuration: RedisClient.Configuration) async throws -> RedisError? {
        try await withClient(url: url, configuration: configuration) { client in
            await redisError { try await client.connect(timeout: .seconds(20)) }
        }
    }

    @Test("the name and both addresses of the certificate are good", arguments: ["localhost", "127.0.0.1", "[::1]"])
    func goodNames(host: String) async throws {
        let server = try await TLSServer.start()
        defer { server.stop() }
        try await withClient(url: "rediss://\(host):\(server.port)", configuration: configuration(server)) { client in
            let reply = try await client.call("PING").string()
            #expect(reply == "PONG")
        }
    }

    @Test("a certificate that does not hold is refused at once, and the message says why")
    func badCertificates() async throws {
        let authority = try TLSAuthority()
        let cases = [
            (try authority.sign("other", for: "DNS:redis.example,IP:192.0.2.1"), "not for localhost"),
            (try authority.sign("old", from: "20200101000000Z", to: "20200201000000Z"), "has expired"),
            (try authority.sign("early", from: "20990101000000Z", to: "20990201000000Z"), "not valid yet"),
            (try TLSAuthority().sign("foreign"), "an authority that is not trusted here"),
        ]
        for (identity, words) in cases {
            let server = try await TLSServer.start(authority: authority, identity: identity)
            defer { server.stop() }
            let error = try await failure(of: server.url, configuration(server))
            #expect(error?.code == .tls)
            #expect(error?.message.contains(words) == true, "\(words): \(error?.message ?? "no error")")
        }
    }

    @Test("a certificate that its server has signed itself is refused, unless it is named as an authority")
    func selfSigned() async throws {
        let authority = try TLSAuthority()
        try authority.openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=self", "-addext", "subjectAltName=DNS:localhost", "-keyout", "self.key", "-out", "self.crt")
        let folder = authority.directory
        let identity = TLSAuthority.Identity(certificate: folder + "/self.crt", key: folder + "/self.key")
        let server = try await TLSServer.start(authority: authority, identity: identity)
        defer { server.stop() }
        let error = try await failure(of: server.url, configuration(server))
        #expect(error?.code == .tls)
        #expect(
            error?.message.contains("an authority that is not trusted here") == true, "\(error?.message ?? "no error")")
        var trusting = configuration(server)
        trusting.tls.caPath = identity.certificate
        try await withClient(url: server.url, configuration: trusting) { client in
            let reply = try await client.call("PING").string()
            #expect(reply == "PONG")
        }
    }

    @Test("a server that speaks nothing newer than TLS 1.1 is told apart from one without TLS")
    func oldVersion() async throws {
        // Debian's own settings for OpenSSL would not let the server speak it either.
        let server = try await TLSServer.start(
            ["--tls-protocols", "TLSv1.1", "--tls-ciphers", "ALL:@SECLEVEL=0"],
            environment: ["OPENSSL_CONF": "/dev/null"])
        defer { server.stop() }
        let error = try await failure(of: server.url, configuration(server))
        #expect(error?.code == .tls)
        #expect(
            error?.message.contains("does not speak TLS 1.2 or later") == true, "\(error?.message ?? "no error")")
    }

    @Test("a name of one's own stands in for the URL's host")
    func serverName() async throws {
        let authority = try TLSAuthority()
        let identity = try authority.sign("other", for: "DNS:redis.example")
        let server = try await TLSServer.start(authority: authority, identity: identity)
        defer { server.stop() }
        try await withClient(
            url: "rediss://127.0.0.1:\(server.port)", configuration: configuration(server, name: "redis.example")
        ) { client in
            let reply = try await client.call("PING").string()
            #expect(reply == "PONG")
        }
        let error = try await failure(of: server.url, configuration(server, name: "redis.example.org"))
        #expect(error?.message.contains("not for redis.example.org") == true)
    }

    @Test("the system's authorities are those that are trusted where none is named")
    func systemAuthorities() async throws {
        let server = try await TLSServer.start()
        defer { server.stop() }
        var configuration = configuration(server)
        configuration.tls.caPath = nil
        let error = try await failure(of: server.url, configuration)
        #expect(error?.code == .tls)
    }

    @Test("a client certificate is asked for, shown, and refused", arguments: ["TLSv1.2", "TLSv1.3"])
    func clientCertificates(version: String) async throws {
        let server = try await TLSServer.start(["--tls-protocols", version], clients: "yes")
        defer { server.stop() }
        let ours = try server.authority.sign("client", for: "DNS:client")
        try await withClient(url: server.url, configuration: configuration(server, identity: ours)) { client in
            let reply = try await client.call("PING").string()
            #expect(reply == "PONG")
        }
        let missing = try await failure(of: server.url, configuration(server))
        #expect(missing?.code == .tls)
        #expect(missing?.message.contains("asks for a client certificate") == true, "\(missing?.message ?? "")")
        let foreign = try TLSAuthority().sign("client", for: "DNS:client")
        let refused = try await failure(of: server.url, configuration(server, identity: foreign))
        #expect(refused?.code == .tls)
        #expect(
            refused?.message.contains("does not accept our client certificate") == true, "\(refused?.message ?? "")")
    }

    @Test("a server without TLS, and one without anything else, are told apart from one that is away")
    func wrongKindOfPort() async throws {
        let server = try await TLSServer.start()
        defer { server.stop() }
        let plain = try await withClient(url: "redis://localhost:\(server.port)") { client in
            await redisError { try await client.connect(timeout: .seconds(3)) }
        }
        #expect(plain?.message.contains("write rediss://") == true, "\(plain?.message ?? "")")

        let port = try freePort()
        let other = try await RedisServer.start(["--port", "\(port)"])
        defer { other.stop() }
        var configuration = configuration(server)
        configuration.connectTimeout = .seconds(2)
        let error = try await withClient(url: "rediss://localhost:\(port)", configuration: configuration) { client in
            await redisError { try await client.connect(timeout: .seconds(6)) }
        }
        // Redis waits for the end of a line that never comes.
        #expect(error?.message.contains("does this port speak TLS?") == true, "\(error?.message ?? "")")
    }

    @Test("files that can't be used are told by name, before any connection")
    func unusableFiles() throws {
        let authority = try TLSAuthority()
        let identity = try authority.sign("client", for: "DNS:client")
        let other = try authority.sign("second", for: "DNS:client")
        try authority.openssl("ec", "-in", identity.key, "-aes128", "-passout", "pass:x", "-out", "locked.key")
        let locked = authority.directory + "/locked.key"
        let cases: [(TLSSettings, String)] = [
            (TLSSettings(caPath: "/nowhere/ca.crt"), "/nowhere/ca.crt"),
            (TLSSettings(caPath: identity.key), "certificates in PEM"),
            (
                TLSSettings(certificatePath: "/nowhere/c", keyPath: identity.key),
                "can't read the TLS certificate /nowhere/c"
            ),
            (
                TLSSettings(certificatePath: identity.certificate, keyPath: "/nowhere/k"),
                "can't read the TLS key /nowhere/k"
            ),
            (TLSSettings(certificatePath: identity.certificate, keyPath: other.key), "is not that of the certificate"),
            (TLSSettings(certificatePath: identity.certificate, keyPath: locked), "has a password"),
            (TLSSettings(certificatePath: identity.certificate), "set both, or neither"),
            (TLSSettings(keyPath: identity.key), "set both, or neither"),
        ]
        for (settings, words) in cases {
            let error = #expect(throws: RedisError.self) { try settings.check() }
            #expect(error?.code == .tls)
            #expect(error?.message.contains(words) == true, "\(words): \(error?.message ?? "")")
        }
        try TLSSettings(caPath: authority.certificate, certificatePath: identity.certificate, keyPath: identity.key)
            .check()
    }

    @Test("large values go both ways whole, in many records", arguments: [1 << 20, 64 << 20])
    func largeValues(size: Int) async throws {
        let server = try await TLSServer.start()
        defer { server.stop() }
        try await withClient(url: server.url, configuration: configuration(server)) { client in
            let value = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            var set = RESPCommand("SET", "k")
            set.append(value)
            _ = try await client.send(set, idempotent: true)
            #expect(try await client.call("GET", "k").bytes.elementsEqual(value))
        }
    }

    @Test("many small commands at once get their own replies")
    func manyCommands() async throws {
        let server = try await TLSServer.start()
        defer { server.stop() }
        try await withClient(url: server.url, configuration: configuration(server)) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<64 {
                    group.addTask {
                        for count in 0..<50 {
                            let text = String(repeating: "\(worker):\(count) ", count: 40)
                            let reply = try await client.call("ECHO", text).string()
                            #expect(reply == text)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(await client.generation == 1)
        }
    }

    @Test("a server killed in the middle of a large write costs the connection and no more; the next one works")
    func killedInMidRecord() async throws {
        let server = try await TLSServer.start()
        defer { server.stop() }
        try await withClient(url: server.url, configuration: configuration(server)) { client in
            try await client.connect()
            server.server.signal(SIGSTOP)
            var set = RESPCommand("SET", "k")
            set.append([UInt8](repeating: 7, count: 32 << 20))
            async let error = redisError { try await client.send(set, idempotent: false) }
            try await until { await client.hasWritten(1) }
            server.server.kill()
            #expect(await error?.code == .connectionLost)
            try await server.server.restart()
            let reply = try await client.call("PING").string()
            #expect(reply == "PONG")
        }
    }

    @Test("a certificate that was renewed is shown at the next connection")
    func rotation() async throws {
        let server = try await TLSServer.start(clients: "yes")
        defer { server.stop() }
        let first = try TLSAuthority().sign("client", for: "DNS:client")
        let good = try server.authority.sign("client", for: "DNS:client")
        let folder = server.authority.directory
        let used = TLSAuthority.Identity(certificate: folder + "/used.crt", key: folder + "/used.key")
        func install(_ identity: TLSAuthority.Identity) throws {
            for (from, to) in [(identity.certificate, used.certificate), (identity.key, used.key)] {
                try? FileManager.default.removeItem(atPath: to)
                try FileManager.default.copyItem(atPath: from, toPath: to)
            }
        }
        try install(first)
        try await withClient(url: server.url, configuration: configuration(server, identity: used)) { client in
            let refused = await redisError { try await client.connect(timeout: .seconds(20)) }
            #expect(refused?.code == .tls)
            try install(good)
            let reply = try await client.call("PING").string()
            #expect(reply == "PONG")
        }
    }
}
