// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import GRPCCore
package import SpanQueueAdmin

/// Who may come, and what they may do: the list of users as it is now, and who is in it.
package struct GatewayAccess: Sendable {
    private let list: (@Sendable () -> UserList)?

    /// Every caller may do everything.
    package static let anyone = GatewayAccess(list: nil)

    /// - Parameter list: asked at each call, and in a stream at each message.
    package init(_ list: @escaping @Sendable () -> UserList) {
        self.init(list: list)
    }

    /// Those in a file, which may change.
    package init(_ file: UserFile) {
        self.init(list: { file.current() })
    }

    private init(list: (@Sendable () -> UserList)?) {
        self.list = list
    }

    package var hasUsers: Bool { list != nil }

    /// Who calls.
    ///
    /// - Parameter address: from where, for the journal.
    /// - Throws: `UNAUTHENTICATED`.
    package func caller(_ evidence: CallerEvidence, from address: String? = nil) throws(GatewayError) -> GatewayCaller {
        guard let list else {
            let name = evidence.certificate.flatMap { $0.count == 1 ? $0[0] : nil } ?? "anyone"
            return GatewayCaller(Principal(name: name, way: .grpc, address: address)) { _, _ in true }
        }
        guard let proof = try CallerPolicy.proof(evidence) else {
            throw .unauthenticated("send a token, as metadata: authorization: Bearer spanq_…")
        }
        guard let user = CallerPolicy.user(proof, in: list()) else {
            switch proof {
            case .token: throw .unauthenticated("nobody here has this token")
            case .certificate(let name):
                throw .unauthenticated("\(name), whom the certificate names, is not among the users")
            }
        }
        let principal = Principal(
            name: user.name, way: .grpc, scopes: user.role.scopes, role: user.role, address: address,
            queues: user.queues)
        // Streams are long: who is taken out of the list, or may do less by now, is told so at the next message.
        return GatewayCaller(principal) { scope, queue in
            guard let now = CallerPolicy.user(proof, in: list()), now.name == user.name else { return false }
            return now.role.scopes.contains(scope) && (queue.map(now.queues.allow) ?? now.queues.isAll)
        } isUnchanged: {
            CallerPolicy.user(proof, in: list()) == user
        }
    }
}
