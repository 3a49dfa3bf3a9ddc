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
