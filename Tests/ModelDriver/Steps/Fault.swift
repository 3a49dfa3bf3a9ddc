// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What goes wrong with one call on its way to the server or back.
package enum Fault: String, Sendable, CaseIterable {
    /// Nothing.
    case none
    /// It never leaves; its caller sees a timeout.
    case notSent
    /// It runs, and its caller does not hear of it.
    case replyLost
    /// It runs some steps later, and its caller does not hear of it.
    case late
    /// Redis has lost all scripts.
    case noScript
    /// Redis is full while it runs.
    case outOfMemory
    /// The server is a replica for a while, as in a failover.
    case readOnly
    /// It arrives twice.
    case duplicate
    /// Postgres ends its transaction, because another one is in its way.
    case deadlock
    /// Postgres ends its transaction, because another one has changed what it has read.
    case serialization
    /// The connection is cut before it commits, or before its caller has the answer.
    case cut

    /// Those that can be made with Redis.
    package static let ofRedis: [Fault] = [
        .none, .notSent, .replyLost, .late, .noScript, .outOfMemory, .readOnly, .duplicate,
    ]
    /// Those that can be made with Postgres.
    package static let ofPostgres: [Fault] = [
        .none, .notSent, .replyLost, .late, .deadlock, .serialization, .cut, .readOnly, .duplicate,
    ]

    /// Whether it happens in the server, and not to the call.
    var isMadeByServer: Bool {
        switch self {
        case .none, .notSent, .replyLost, .late, .duplicate: false
        default: true
        }
    }

    /// Whether it costs a wait in real time.
    var takesTime: Bool {
        switch self {
        case .readOnly, .deadlock, .serialization, .cut: true
        default: false
        }
    }
}
