// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// Who asks, by which way, from where, as what, and what they may do in which queues.
package struct Principal: Sendable, Hashable {
    /// The way by which a person or program came.
    package enum Way: String, Sendable, Hashable {
        case command = "cli"
        case top
        case web
        case api
        case grpc
    }

    /// As it stands in records: `ada@laptop`.
    package let name: String
    package let way: Way
    package let scopes: Set<Scope>
    /// Nil where there are no roles, as on the command line.
    package let role: Role?
    /// From where; nil where that is not known, or is this machine.
    package let address: String?
    /// Others are as if they did not exist.
    package let queues: QueuePatterns

    package init(
        name: String, way: Way, scopes: Set<Scope> = Set(Scope.allCases), role: Role? = nil, address: String? = nil,
        queues: QueuePatterns = .all
    ) {
        // It is stored behind a NUL, and printed.
        self.name = Excerpt.printable(name, limit: 100)
        self.way = way
        self.scopes = scopes
        self.role = role
        self.address = address
        self.queues = queues
    }

    /// - Throws: `.forbidden`.
    package func require(_ scope: Scope) throws(AdminError) {
        guard scopes.contains(scope) else {
            throw AdminError(.forbidden, "\(name) may not do this: it needs the scope \(scope.rawValue)")
        }
    }

    /// - Throws: `.forbidden` for a queue that is none of theirs, as well as for one that does not exist.
    package func require(queue: String) throws(AdminError) {
        guard queues.allow(queue) else {
            throw AdminError(.forbidden, "\(name) has no rights in queue \(queue)")
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
    /// To take jobs, and to say how they ended.
    case work
}

/// A name for a set of rights.
package enum Role: String, Sendable, Hashable, CaseIterable {
    case viewer
    case `operator`
    case admin
    case producer
    case worker

    package var scopes: Set<Scope> {
        switch self {
        case .viewer: [.read]
        case .operator: [.read, .payload, .operate]
        // What people may do, all of it; taking jobs is for programs.
        case .admin: Set(Scope.allCases).subtracting([.work])
        case .producer: [.produce]
        case .worker: [.work]
        }
    }
}

/// Some of the queues: names, and beginnings of names with an asterisk.
package struct QueuePatterns: Sendable, Hashable, CustomStringConvertible {
    /// Each of them.
    package static let all = QueuePatterns(patterns: ["*"])

    private let patterns: [String]

    private init(patterns: [String]) {
        self.patterns = patterns
    }

    /// Reads them, parted by commas: `mail,media-*`, or `*` for all.
    ///
    /// - Throws: `.invalidArgument`.
    package init(_ text: String) throws(SpanQueueError) {
        let patterns = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        for pattern in patterns {
            let name = pattern.hasSuffix("*") ? String(pattern.dropLast()) : pattern
            guard pattern == "*" || NameRule.queue.allows(name) else {
                throw SpanQueueError(
                    .invalidArgument,
                    "queues \"\(Excerpt.printable(text, limit: 60))\": write names, or beginnings with an asterisk, as mail,media-*"
                )
            }
        }
        self.init(patterns: patterns)
    }

    package var isAll: Bool { patterns.contains("*") }

    /// Whether a queue is one of them.
    package func allow(_ queue: String) -> Bool {
        patterns.contains { $0.hasSuffix("*") ? queue.hasPrefix($0.dropLast()) : $0 == queue }
    }

    package var description: String { patterns.joined(separator: ",") }
}
