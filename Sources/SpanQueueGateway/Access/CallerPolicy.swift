// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import GRPCCore
package import SpanQueueAdmin

/// What a call and its connection bring along that tells who calls.
package struct CallerEvidence: Sendable, Hashable {
    /// Each `authorization` in the metadata, as it came.
    package var authorization: [String]
    /// The common names in the subject of the client's certificate, which was verified; nil where there is none.
    package var certificate: [String]?

    package init(authorization: [String] = [], certificate: [String]? = nil) {
        self.authorization = authorization
        self.certificate = certificate
    }
}

/// By what somebody is known.
package enum CallerProof: Sendable, Hashable {
    case token(TokenDigest)
    /// A name that a certificate of the gateway's own authority has.
    case certificate(String)
}

/// Says who calls. It asks nobody, so all of it is tried without a connection.
package enum CallerPolicy {
    /// A token goes before a certificate: what a program says of itself in a call is nearer to it than what its host says.
    ///
    /// A wrong token is refused whatever the certificate is, so that nobody goes on by rights that they did not ask for.
    ///
    /// - Returns: nil where nothing was brought.
    /// - Throws: `UNAUTHENTICATED` for what is none.
    package static func proof(_ evidence: CallerEvidence) throws(GatewayError) -> CallerProof? {
        if let field = evidence.authorization.first {
            let words = field.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
            guard evidence.authorization.count == 1, words.count == 2, words[0].lowercased() == "bearer",
                let token = AccessToken(String(words[1].drop { $0 == " " }))
            else {
                throw .unauthenticated("authorization: send one Bearer, and a token that spanq token make has made")
            }
            return .token(TokenDigest(token))
        }
        guard let names = evidence.certificate else { return nil }
        guard names.count == 1, UserList.isName(names[0]), !names[0].hasPrefix("@") else {
            throw .unauthenticated(
                "the certificate's subject needs one common name, of 1 to 64 characters of A-Z a-z 0-9 . _ @ + -")
        }
        return .certificate(names[0])
    }

    /// Whose proof it is; nil where nobody has it.
    package static func user(_ proof: CallerProof, in list: UserList) -> UserList.User? {
        switch proof {
        case .token(let digest): list.user(digest)
        case .certificate(let name): list.user(named: name, groups: [])
        }
    }
}

extension GatewayError {
    static func unauthenticated(_ message: String) -> GatewayError {
        GatewayError(.unauthenticated, "unauthenticated", message)
    }

    static func forbidden(_ message: String) -> GatewayError { GatewayError(.permissionDenied, "forbidden", message) }
}
