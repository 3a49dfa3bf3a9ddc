// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import CSpanQueueOpenSSL

/// Digests by OpenSSL's libcrypto, which a program that uses libcurl has loaded anyway.
package enum Digest {
    /// SHA-256 (FIPS 180-4) of the parts, one after the other: 32 bytes.
    package static func sha256(_ parts: [UInt8]...) -> [UInt8] { LibCrypto.shared.hash(parts, with: .sha256) }

    /// SHA-1 (FIPS 180-4), for what others name by it, such as a Lua script in Redis: 20 bytes.
    package static func sha1(_ parts: [UInt8]...) -> [UInt8] { LibCrypto.shared.hash(parts, with: .sha1) }

    /// HMAC (RFC 2104) with SHA-256: 32 bytes.
    ///
    /// - Parameter key: not empty.
    package static func hmacSHA256(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        LibCrypto.shared.authenticationCode(of: message, key: key)
    }
}

/// A library context of OpenSSL's that is ours alone, with the provider that is built into libcrypto.
///
/// The process' own context obeys `openssl.cnf`, which may take algorithms away. Ours reads no configuration, so each call below
/// fails for one reason only: there is no memory left. Swift itself stops the program then, and so do we.
///
/// `@unchecked Sendable`: the pointers never change and are never freed, and OpenSSL lets any thread use a library context and an
/// `EVP_MD` at the same time (openssl-threads(7)). What is not shared, an `EVP_MD_CTX`, lives within one call.
struct LibCrypto: @unchecked Sendable {
    enum Algorithm { case sha1, sha256 }

    static let shared = LibCrypto()

    private let context: OpaquePointer
    private let sha1: OpaquePointer
    private let sha256: OpaquePointer

    private init() {
        guard let context = OSSL_LIB_CTX_new(), OSSL_PROVIDER_load(context, "default") != nil,
            let sha1 = EVP_MD_fetch(context, "SHA1", nil), let sha256 = EVP_MD_fetch(context, "SHA256", nil)
        else { Self.noMemory() }
        self.context = context
        self.sha1 = sha1
        self.sha256 = sha256
    }

    func hash(_ parts: [[UInt8]], with algorithm: Algorithm) -> [UInt8] {
        let (method, size) = algorithm == .sha1 ? (sha1, 20) : (sha256, 32)
        guard let state = EVP_MD_CTX_new(), EVP_DigestInit_ex2(state, method, nil) == 1 else { Self.noMemory() }
        defer { EVP_MD_CTX_free(state) }
        for part in parts {
            guard EVP_DigestUpdate(state, part, part.count) == 1 else { Self.noMemory() }
        }
        var digest = [UInt8](repeating: 0, count: size)
        guard EVP_DigestFinal_ex(state, &digest, nil) == 1 else { Self.noMemory() }
        return digest
    }

    func authenticationCode(of message: [UInt8], key: [UInt8]) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: 32)
        guard
            EVP_Q_mac(
                context, "HMAC", nil, "SHA256", nil, key, key.count, message, message.count, &code, code.count, nil)
                != nil
        else { Self.noMemory() }
        return code
    }

    private static func noMemory() -> Never { fatalError("libcrypto has no memory left for a digest") }
}
