// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@testable import SpanQueueAdmin

@Suite("Rights")
struct RightsTests {
    @Test("a token is found by its digest, in any case of its digits, and by no other")
    func digests() throws {
        let (token, other) = (AccessToken(), AccessToken())
        for digest in [token.digest, token.digest.uppercased()] {
            let list = try UserList("ada admin * \(digest)\n")
            #expect(list.user(token: token)?.name == "ada")
            #expect(list.user(digest: token.digest)?.name == "ada")
            #expect(list.user(token: other) == nil)
            #expect(list.user(digest: other.digest) == nil)
        }
        // Those that differ in one place only, wherever it is.
        let digest = try #require(TokenDigest(hexadecimal: token.digest))
        #expect(digest == TokenDigest(token))
        for place in 0..<64 {
            var digits = Array(token.digest)
            digits[place] = digits[place] == "0" ? "1" : "0"
            #expect(digest != TokenDigest(hexadecimal: String(digits)))
        }
        for text in [
            "", "a", String(repeating: "g", count: 64), String(repeating: "a", count: 65),
            "é" + token.digest.dropFirst(2),
        ] {
            #expect(TokenDigest(hexadecimal: text) == nil)
        }
    }

    @Test("a role has the scopes that the documentation says, and jobs are taken by workers alone")
    func roles() {
        #expect(Role.viewer.scopes == [.read])
        #expect(Role.operator.scopes == [.read, .payload, .operate])
        #expect(Role.admin.scopes == [.read, .payload, .operate, .admin, .produce])
        #expect(Role.producer.scopes == [.produce])
        #expect(Role.worker.scopes == [.work])
    }
}
