// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import HiredisClient

@Suite("Reading replies")
struct RESPCursorTests {
    private let reply = RESPReply(
        bytes: Array("7up42".utf8),
        nodes: [
            .init(kind: .array, value: 4), .init(kind: .array, value: 1),
            .init(kind: .string, offset: 0, value: 3), .init(kind: .null),
            .init(kind: .integer, value: 9), .init(kind: .string, offset: 3, value: 2),
        ]
    )

    @Test("a value of another kind is an error that says what was expected and what is there")
    func mismatch() {
        var cursor = RESPCursor(reply)
        let error = #expect(throws: RedisError.self) { try cursor.nextInteger() }
        #expect(error?.code == .protocolViolation)
        #expect(error?.message.contains("expected an integer as value 0 of the reply, found array") == true)
    }

    @Test("skipping passes over all that is inside")
    func skipping() throws {
        var cursor = RESPCursor(reply)
        try cursor.nextArray(of: 4)
        cursor.skip()
        #expect(cursor.isNull)
        cursor.skip()
        #expect(try cursor.nextDecimal() == 9)
        #expect(try cursor.nextDecimal() == 42)
        #expect(cursor.isAtEnd)
        #expect(throws: RedisError.self) { try cursor.nextString() }
    }

    @Test("text that is not a number is not taken for one, and an array of another size not for the right one")
    func strictness() throws {
        var cursor = RESPCursor(reply)
        #expect(throws: RedisError.self) { try cursor.nextArray(of: 3) }
        cursor = RESPCursor(reply)
        try cursor.nextArray(of: 4)
        try cursor.nextArray(of: 1)
        #expect(throws: RedisError.self) { try cursor.nextDecimal() }
    }
}
