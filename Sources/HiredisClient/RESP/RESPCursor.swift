// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Reads a ``RESPReply`` from front to back. Each call takes the next value or throws: what the server says, if the value
/// is an error; else what was expected and what is there.
package struct RESPCursor: Sendable {
    private let reply: RESPReply
    private var position = 0

    package init(_ reply: RESPReply) {
        self.reply = reply
    }

    package var isAtEnd: Bool { position == reply.nodes.count }

    /// What comes next; nil at the end.
    package var nextKind: RESPReply.Kind? { isAtEnd ? nil : reply.nodes[position].kind }

    package var isNull: Bool { nextKind == .null }

    package mutating func nextInteger() throws(RedisError) -> Int64 {
        try next("an integer") { $0 == .integer }.value
    }

    /// An integer that Redis wrote as text, as Lua scripts and hashes do; a real one is taken too.
    package mutating func nextDecimal() throws(RedisError) -> Int64 {
        let node = try next("a number") { $0 == .integer || $0 == .string || $0 == .status }
        guard node.kind != .integer else { return node.value }
        guard let number = Int64(String(decoding: slice(node), as: UTF8.self)) else {
            throw .expected("a number", position: position - 1, found: "text that is none")
        }
        return number
    }

    /// A string or a status. Bytes that are not UTF-8 become U+FFFD.
    package mutating func nextString() throws(RedisError) -> String {
        String(decoding: slice(try next("a string") { $0 == .string || $0 == .status }), as: UTF8.self)
    }

    package mutating func nextOptionalString() throws(RedisError) -> String? {
        skipNull() ? nil : try nextString()
    }

    /// A copy. ``nextSlice()`` lends them.
    package mutating func nextBytes() throws(RedisError) -> [UInt8] {
        Array(slice(try next("a string") { $0 == .string || $0 == .status }))
    }

    /// In the memory of the reply, which it holds: not for keeping.
    package mutating func nextSlice() throws(RedisError) -> ArraySlice<UInt8> {
        slice(try next("a string") { $0 == .string || $0 == .status })
    }

    package mutating func nextOptionalBytes() throws(RedisError) -> [UInt8]? {
        skipNull() ? nil : try nextBytes()
    }

    /// Enters an array: its elements come next, one by one. A nil array counts as an error; see ``isNull``.
    package mutating func nextArrayCount() throws(RedisError) -> Int {
        Int(try next("an array") { $0 == .array }.value)
    }

    /// Enters an array that must have so many elements.
    package mutating func nextArray(of count: Int) throws(RedisError) {
        let found = try nextArrayCount()
        guard found == count else {
            throw .expected("\(count) elements", position: position - 1, found: "\(found)")
        }
    }

    /// Passes over one value with all that is in it, whatever it is.
    package mutating func skip() {
        var left = 1
        while left > 0, !isAtEnd {
            let node = reply.nodes[position]
            position += 1
            left += (node.kind == .array ? Int(node.value) : 0) - 1
        }
    }

    /// Passes over a nil, if one comes next.
    package mutating func skipNull() -> Bool {
        guard isNull else { return false }
        position += 1
        return true
    }

    private mutating func next(
        _ expected: String, where matches: (RESPReply.Kind) -> Bool
    ) throws(RedisError) -> RESPReply.Node {
        guard !isAtEnd else { throw .expected(expected, position: position, found: "the end of the reply") }
        let node = reply.nodes[position]
        position += 1
        if matches(node.kind) { return node }
        if node.kind == .error { throw RedisError(serverText: slice(node)) }
        throw .expected(expected, position: position - 1, found: "\(node.kind)")
    }

    private func slice(_ node: RESPReply.Node) -> ArraySlice<UInt8> {
        reply.bytes[Int(node.offset)..<Int(node.offset) + Int(node.value)]
    }
}

extension RedisError {
    fileprivate static func expected(_ what: String, position: Int, found: String) -> RedisError {
        RedisError(
            .protocolViolation,
            "expected \(what) as value \(position) of the reply, found \(found); are all programs of one version?",
            mayHaveRun: true
        )
    }
}
