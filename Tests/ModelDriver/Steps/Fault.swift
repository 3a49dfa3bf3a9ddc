// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What goes wrong with one call on its way to Redis or back.
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
    /// Redis is a replica for a while, as in a failover.
    case readOnly
    /// It arrives twice.
    case duplicate
}
