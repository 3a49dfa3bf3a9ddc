// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HeldProcess

/// A certificate authority of a test's own, made by the `openssl` command in a folder of its own.
package final class TLSAuthority: Sendable {
    package var directory: String { place.path }
    private let place: HeldDirectory
    /// The authority's certificate: what clients and servers are told to trust.
    package var certificate: String { directory + "/ca.crt" }

    /// A certificate and its key, as files in PEM.
    package struct Identity: Sendable {
        package let certificate: String
        package let key: String

        /// The files are there for as long as it.
        private let authority: TLSAuthority?

        package init(certificate: String, key: String, authority: TLSAuthority? = nil) {
            self.certificate = certificate
            self.key = key
            self.authority = authority
        }
    }

    package init() throws {
        place = try HeldDirectory("spanq-tls")
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=SpanQueue test authority", "-keyout", "ca.key", "-out", "ca.crt")
    }

    deinit {
        place.remove()
    }

    /// Signs a certificate.
    ///
    /// - Parameters:
    ///   - name: of the files; one that is there is replaced, as when a certificate is renewed.
    ///   - alternativeNames: whom it is for, such as `DNS:localhost,IP:127.0.0.1`.
    ///   - start, end: from when to when it holds, as `openssl ca` writes times: `20200101000000Z`. From now for a day unless given.
    package func sign(
        _ name: String, for alternativeNames: String = "DNS:localhost,IP:127.0.0.1,IP:::1", from start: String? = nil,
        to end: String? = nil
    ) throws -> Identity {
        try openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=\(name)",
            "-keyout", "\(name).key", "-out", "\(name).csr")
        let configuration = """
            [ca]
            default_ca = here
            [here]
            dir = .
            database = \(name).db
            new_certs_dir = .
            rand_serial = yes
            default_md = sha256
            policy = any
            [any]
            commonName = supplied
            [leaf]
            subjectAltName = \(alternativeNames)
            """
        try configuration.write(toFile: directory + "/\(name).cnf", atomically: true, encoding: .utf8)
        try "".write(toFile: directory + "/\(name).db", atomically: true, encoding: .utf8)
        var arguments = [
            "ca", "-batch", "-notext", "-config", "\(name).cnf", "-cert", "ca.crt", "-keyfile", "ca.key",
            "-extensions", "leaf", "-in", "\(name).csr", "-out", "\(name).crt",
        ]
        if let start { arguments += ["-startdate", start] }
        arguments += end.map { ["-enddate", $0] } ?? ["-days", "1"]
        try openssl(arguments)
        return Identity(certificate: directory + "/\(name).crt", key: directory + "/\(name).key", authority: self)
    }

    /// Runs the `openssl` command in the folder.
    package func openssl(_ arguments: String...) throws {
        try openssl(arguments)
    }

    private func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        let problems = Pipe()
        process.standardError = problems
        try process.run()
        let text = String(decoding: problems.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw RedisServerError("openssl \(arguments.joined(separator: " ")): \(text)")
        }
    }
}
