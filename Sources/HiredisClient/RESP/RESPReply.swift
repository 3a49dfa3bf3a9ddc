// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A reply, flat: every string's bytes one after the other, and one small node for each value, in depth-first order (an
/// array's node stands before its elements'). A reply of a thousand strings is two allocations and not a thousand.
/// Read it with a ``RESPCursor``.
package struct RESPReply: Sendable, Equatable {
    package enum Kind: UInt8, Sendable {
        case string, status, error, integer, null, array
    }

    /// 16 bytes.
    struct Node: Sendable, Equatable {
        var kind: Kind
        /// Where a string, status or error begins in `bytes`. 32 bits: the parser refuses replies beyond 4 GiB.
        var offset: UInt32 = 0
        /// The number itself; else the length in bytes, or the count of elements.
        var value: Int64 = 0
    }

    var bytes: [UInt8]
    var nodes: [Node]

    static let null = RESPReply(bytes: [], nodes: [Node(kind: .null)])

    /// What the reply is as a whole.
    package var kind: Kind { nodes.first?.kind ?? .null }

    package var isNull: Bool { kind == .null }

    /// The error, if the whole reply is one. Errors inside arrays are left to the cursor.
    var topLevelError: RedisError? {
        kind == .error ? RedisError(serverText: bytes) : nil
    }

    /// Reads a reply that is one integer, and so on for the others.
    package func integer() throws(RedisError) -> Int64 {
        var cursor = RESPCursor(self)
        return try cursor.nextInteger()
    }

    package func string() throws(RedisError) -> String {
        var cursor = RESPCursor(self)
        return try cursor.nextString()
    }

    package func optionalBytes() throws(RedisError) -> [UInt8]? {
        var cursor = RESPCursor(self)
        return try cursor.nextOptionalBytes()
    }
}

extension RedisError {
    /// A reply that belongs to no command; what it says, if it is an error.
    static func unasked(_ reply: RESPReply) -> RedisError {
        let words = reply.topLevelError.map { ": \($0.message)" } ?? ""
        return RedisError(.protocolViolation, "Redis sent a reply that nobody asked for\(words)")
    }
}
