// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import GRPCCore
package import SpanQueueAdmin

/// Who calls. An interceptor finds out and binds it for the call; where there is none, everybody may do everything.
package struct GatewayCaller: Sendable {
    /// As whom they are known when the call begins.
    package let principal: Principal
    /// Whether it may do this with a queue now; nil stands for every queue at once.
    package let allows: @Sendable (_ scope: Scope, _ queue: String?) -> Bool

    /// Whether they are who they were when the call began, with the same rights.
    package let isUnchanged: @Sendable () -> Bool

    package init(
        _ principal: Principal, allows: @escaping @Sendable (_ scope: Scope, _ queue: String?) -> Bool,
        isUnchanged: @escaping @Sendable () -> Bool = { true }
    ) {
        self.principal = principal
        self.isUnchanged = isUnchanged
        self.allows = allows
    }

    /// For the journal and the log.
    package var name: String { principal.name }

    package static let anyone = GatewayCaller(Principal(name: "anyone", way: .grpc)) { _, _ in true }

    /// That of the call that this task serves. To be read when a method is called, and carried along from there: what writes a stream's
    /// answers runs later, outside of what the interceptor binds.
    @TaskLocal package static var current = GatewayCaller.anyone

    package func require(_ scope: Scope, _ queue: String?) throws(GatewayError) {
        guard !allows(scope, queue) else { return }
        var error = GatewayError(
            .permissionDenied, "forbidden",
            "\(name) may not do this\(queue.map { " in queue \($0)" } ?? ""): it needs the scope \(scope.rawValue)")
        error.queue = queue
        throw error
    }
}
