// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// A certificate authority of a test's own, and a certificate of it for 127.0.0.1, made by `openssl`.
struct PrivateAuthority {
    let authority: String
    let certificate: String
    let key: String

    init(in directory: String) throws {
        let base = directory + "/tls-"
        (authority, certificate, key) = (base + "ca.pem", base + "server.pem", base + "server.key")
        let request = base + "server.csr"
        let names = base + "names"
        try "subjectAltName=IP:127.0.0.1\n".write(toFile: names, atomically: true, encoding: .utf8)
        try Self.openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=SpanQueue test authority",
            "-keyout", base + "ca.key", "-out", authority)
        try Self.openssl(
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", request)
        try Self.openssl(
            "x509", "-req", "-in", request, "-CA", authority, "-CAkey", base + "ca.key", "-CAcreateserial",
            "-days", "1", "-extfile", names, "-out", certificate)
    }

    private static func openssl(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Unmet("openssl \(arguments[0]) failed: is it installed?") }
    }
}
