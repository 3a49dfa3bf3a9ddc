// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Where a command is.
enum CommandPlace: Sendable {
    /// Still with its caller.
    case new
    /// In the queue, not on the wire.
    case waiting
    /// On the wire: the next reply but so many is its.
    case written
    /// Out of the queue: until it is tried again, or until there is a connection.
    case parked
    case done
}
