// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue

/// A short text that is handed out and comes back, and that nobody but this process can read or make.
enum SealedText {
    private static let key = random(32)
    private static let nonceBytes = 16
    private static let signatureBytes = 32
    /// Its length is a multiple of this: it would tell of that of the text.
    private static let block = 512

    /// Letters, digits, `-` and `_`.
    static func seal(_ text: String) -> String {
        var bytes = Array(text.utf8) + [0x80]
        bytes += Array(repeating: 0, count: (block - bytes.count % block) % block)
        let nonce = random(nonceBytes)
        let content = nonce + mixed(bytes, nonce)
        let sealed = Data(content + signature(of: content)).base64EncodedString()
        return sealed.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// Nil for what was not sealed here.
    static func open(_ text: String) -> String? {
        let padded = text.replacing("-", with: "+").replacing("_", with: "/")
        guard let data = Data(base64Encoded: padded + String(repeating: "=", count: -text.utf8.count & 3)),
            data.count > nonceBytes + signatureBytes
        else { return nil }
        let content = Array(data.dropLast(signatureBytes))
        guard signature(of: content) == Array(data.suffix(signatureBytes)) else { return nil }
        let bytes = mixed(Array(content.dropFirst(nonceBytes)), Array(content.prefix(nonceBytes)))
        guard let end = bytes.lastIndex(of: 0x80) else { return nil }
        return String(validating: bytes[..<end], as: UTF8.self)
    }

    /// With a stream that the key and the nonce make; the same once more takes it back.
    private static func mixed(_ bytes: [UInt8], _ nonce: [UInt8]) -> [UInt8] {
        var stream: [UInt8] = []
        while stream.count < bytes.count {
            stream += Digest.hmacSHA256([0] + nonce + Array("\(stream.count)".utf8), key: key)
        }
        return zip(bytes, stream).map { $0 ^ $1 }
    }

    private static func signature(of content: [UInt8]) -> [UInt8] { Digest.hmacSHA256([1] + content, key: key) }

    private static func random(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
}
