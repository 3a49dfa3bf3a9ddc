// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// The SHA-256 of a token, by which a token is looked up: compared in a time that does not tell where two of them differ.
package struct TokenDigest: Sendable, Hashable {
    private let bytes: [UInt8]

    package init(_ token: AccessToken) {
        bytes = token.hash
    }

    /// Nil for what is not 64 hexadecimal digits.
    init?(hexadecimal text: String) {
        guard let bytes = [UInt8](hexadecimal: text), bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    package static func == (left: TokenDigest, right: TokenDigest) -> Bool {
        zip(left.bytes, right.bytes).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// With the seed of this process: which digests share a bucket is not for others to know.
    package func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}
