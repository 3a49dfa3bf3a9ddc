// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// Who asks, by which way, and what they may do.
package struct Principal: Sendable, Hashable {
    /// The way by which a person or program came.
    package enum Way: String, Sendable, Hashable {
        case command = "cli"
        case api
    }

    /// As it stands in records: `ada@laptop`.
    package let name: String
    package let way: Way
    package let scopes: Set<Scope>

    package init(name: String, way: Way, scopes: Set<Scope> = Set(Scope.allCases)) {
        // It is stored behind a NUL, and printed.
        self.name = Excerpt.printable(name, limit: 100)
        self.way = way
        self.scopes = scopes
    }

    /// - Throws: `.forbidden`.
    package func require(_ scope: Scope) throws(AdminError) {
        guard scopes.contains(scope) else {
            throw AdminError(.forbidden, "\(name) may not do this: it needs the scope \(scope.rawValue)")
        }
    }
}

/// A right to do things of one kind. A role is a name for a set of these.
package enum Scope: String, Sendable, Hashable, CaseIterable {
    /// To see everything but what jobs carry and return.
    case read
    /// To see payloads and results too.
    case payload
    /// To act on jobs, and to pause and resume queues.
    case operate
    /// To act on all jobs of a queue, and to delete it.
    case admin
    /// To enqueue.
    case produce
}

/// Who asks, and what they may do.
package struct SessionView: Encodable, Sendable {
    package let name: String
    package let scopes: [String]
    package let version = SpanQueueVersion.text

    package init(_ principal: Principal) {
        name = principal.name
        scopes = principal.scopes.map(\.rawValue).sorted()
    }
}
