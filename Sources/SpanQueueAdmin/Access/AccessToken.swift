// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// What a program or person shows to be let in: 256 bits of chance, so that its plain SHA-256 can be kept, as nobody can try them all. A
/// password of somebody's choice would need a slow hash: none is taken, and none can be set.
package struct AccessToken: Sendable {
    /// `spanq_` and 43 characters.
    package let text: String
    /// Its SHA-256, 64 hexadecimal digits.
    package var digest: String { hash.hexadecimal }
    var hash: [UInt8] { Digest.sha256(Array(text.utf8)) }

    private static let prefix = "spanq_"

    /// A new one.
    package init() {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
        text = Self.prefix + Base64URL.encode(bytes)
    }

    /// Nil for a text that is none, which is then not looked up.
    package init?(_ text: String) {
        guard text.hasPrefix(Self.prefix), Base64URL.decode(String(text.dropFirst(Self.prefix.count)))?.count == 32
        else { return nil }
        self.text = text
    }
}
