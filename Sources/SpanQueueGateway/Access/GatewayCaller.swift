// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import GRPCCore

/// What a caller may be allowed to do with a queue.
package enum GatewayScope: String, Sendable, Hashable, CaseIterable {
    case produce, work, read, payload, operate, admin
}

/// Who calls. An interceptor finds out and binds it for the call; where there is none, everybody may do everything.
package struct GatewayCaller: Sendable {
    /// For the journal and the log.
    package let name: String
    /// Whether it may do this with a queue; nil stands for every queue at once.
    package let allows: @Sendable (_ scope: GatewayScope, _ queue: String?) -> Bool

    package init(_ name: String, allows: @escaping @Sendable (_ scope: GatewayScope, _ queue: String?) -> Bool) {
        self.name = name
        self.allows = allows
    }

    package static let anyone = GatewayCaller("anyone") { _, _ in true }

    /// That of the call that this task serves. To be read when a method is called, and carried along from there: what writes a stream's
    /// answers runs later, outside of what the interceptor binds.
    @TaskLocal package static var current = GatewayCaller.anyone

    package func require(_ scope: GatewayScope, _ queue: String?) throws(GatewayError) {
        guard !allows(scope, queue) else { return }
        var error = GatewayError(
            .permissionDenied, "forbidden",
            "\(name) may not do this\(queue.map { " in queue \($0)" } ?? ""): it needs the scope \(scope.rawValue)")
        error.queue = queue
        throw error
    }
}
