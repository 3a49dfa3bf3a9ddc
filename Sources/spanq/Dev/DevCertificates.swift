// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueueCommand
import SpanQueueRedis

/// What `spanq dev --tls` needs: an authority of its own, and a certificate for each side. Made anew at each start, by the `openssl`
/// command.
struct DevCertificates: Sendable {
    let directory: String
    /// The port on the loopback that speaks TLS.
    let port: UInt16

    var authority: String { directory + "/ca.crt" }
    var serverCertificate: String { directory + "/server.crt" }
    var serverKey: String { directory + "/server.key" }
    var clientCertificate: String { directory + "/client.crt" }
    var clientKey: String { directory + "/client.key" }

    /// For `--redis`: by the name that the server's certificate is for.
    var url: String { "rediss://localhost:\(port)" }

    /// What redis-server is told. Whoever has no certificate of ours is not let in.
    var serverArguments: [String] {
        [
            "--bind", "127.0.0.1", "--tls-port", "\(port)", "--tls-cert-file", serverCertificate, "--tls-key-file",
            serverKey, "--tls-ca-cert-file", authority, "--tls-auth-clients", "yes",
        ]
    }

    var settings: RedisTLS { RedisTLS(authorities: authority, certificate: clientCertificate, key: clientKey) }

    /// For a shell in another terminal.
    var variables: [String] {
        [
            "SPANQ_REDIS_TLS_CA='\(authority)'", "SPANQ_REDIS_TLS_CERT='\(clientCertificate)'",
            "SPANQ_REDIS_TLS_KEY='\(clientKey)'",
        ]
    }

    /// - Parameter path: a directory that only we may read.
    init(in path: String) throws(CommandFailure) {
        directory = path + "/tls"
        guard let port = FreePort.find() else { throw .failed("no port of 127.0.0.1 is free") }
        self.port = port
        guard let openssl = Executable.find("openssl") else {
            throw .failed(
                "spanq dev --tls needs openssl, which is not in PATH: install it with: sudo apt-get install openssl")
        }
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try "subjectAltName=DNS:localhost,IP:127.0.0.1\n".write(
                toFile: directory + "/server.ext", atomically: true, encoding: .utf8)
            try "subjectAltName=DNS:client\n".write(
                toFile: directory + "/client.ext", atomically: true, encoding: .utf8)
            let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            try run(
                openssl,
                ["req", "-x509", "-days", "365", "-subj", "/CN=spanq dev", "-keyout", "ca.key", "-out", "ca.crt"] + key)
            for name in ["server", "client"] {
                try run(
                    openssl,
                    ["req", "-subj", "/CN=spanq dev \(name)", "-keyout", name + ".key", "-out", name + ".csr"] + key)
                try run(
                    openssl,
                    [
                        "x509", "-req", "-days", "365", "-in", name + ".csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                        "-CAcreateserial", "-extfile", name + ".ext", "-out", name + ".crt",
                    ])
            }
            // Nobody needs to sign anything any more.
            try FileManager.default.removeItem(atPath: directory + "/ca.key")
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw .failed("certificates can't be made in \(directory): \(error.localizedDescription)")
        }
    }

    private func run(_ openssl: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: openssl)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        let problems = Pipe()
        process.standardError = problems
        try process.run()
        let text = String(decoding: problems.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let line = text.split(whereSeparator: \.isNewline).last ?? "it said nothing"
            throw CommandFailure.failed("openssl \(arguments[0]) in \(directory): \(line)")
        }
    }
}
