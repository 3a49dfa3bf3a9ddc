// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import HiredisClient

@Suite("Parsing replies")
struct ReplyReaderTests {
    private static let whole =
        "+OK\r\n" + ":-42\r\n" + "$5\r\nhello\r\n" + "$0\r\n\r\n" + "$-1\r\n" + "*-1\r\n" + "*0\r\n"
        + "-ERR no\r\n" + "*3\r\n:1\r\n*2\r\n$1\r\na\r\n*1\r\n$-1\r\n-WRONGTYPE x\r\n"
        + "$20000\r\n\(String(repeating: "z", count: 20000))\r\n"
        + "*500\r\n" + String(repeating: "$3\r\nabc\r\n", count: 500)

    private func parse(_ text: String, pieces: () -> Int) throws -> [RESPReply] {
        let reader = try ReplyReader(maximumReplyBytes: 1 << 20)
        var replies: [RESPReply] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces()))
            rest = rest.dropFirst(piece.count)
            try piece.withUnsafeBytes { try reader.feed($0) }
            while let reply = try reader.next() { replies.append(reply) }
        }
        return replies
    }

    @Test("replies are what was sent")
    func values() throws {
        let replies = try parse(Self.whole) { 1 << 20 }
        #expect(replies.count == 11)
        #expect(try replies[0].string() == "OK")
        #expect(try replies[1].integer() == -42)
        #expect(try replies[2].string() == "hello")
        #expect(try replies[3].optionalBytes() == [])
        #expect(try replies[4].optionalBytes() == nil)
        #expect(replies[5].isNull)
        var empty = RESPCursor(replies[6])
        #expect(try empty.nextArrayCount() == 0 && empty.isAtEnd)
        #expect(replies[7].topLevelError?.code == .other("ERR"))
        var nested = RESPCursor(replies[8])
        try nested.nextArray(of: 3)
        #expect(try nested.nextInteger() == 1)
        try nested.nextArray(of: 2)
        #expect(try nested.nextString() == "a")
        try nested.nextArray(of: 1)
        #expect(try nested.nextOptionalString() == nil)
        let error = #expect(throws: RedisError.self) { try nested.nextInteger() }
        #expect(error?.code == .wrongType)
        #expect(nested.isAtEnd)
    }

    @Test("pieces of any size parse to the same as the whole", arguments: 0..<20)
    func pieces(seed: Int) throws {
        let expected = try parse(Self.whole) { 1 << 20 }
        let largest = [1, 2, 3, 7, 100, 4096][seed % 6]
        #expect(try parse(Self.whole) { largest == 1 ? 1 : .random(in: 1...largest) } == expected)
    }

    @Test(
        "what is not RESP2 is a protocol error", arguments: ["HTTP/1.1 400\r\n", "$x\r\n", "*9\r\nfoo\r\n", ":1x\r\n"])
    func garbage(text: String) {
        let error = #expect(throws: RedisError.self) { try parse(text) { 3 } }
        #expect(error?.code == .protocolViolation)
    }

    @Test("a reply beyond the limit is refused before it is whole")
    func limit() throws {
        let head = "$2000000\r\n" + String(repeating: "x", count: 1_500_000)
        let error = #expect(throws: RedisError.self) { try parse(head) { 16384 } }
        #expect(error?.code == .protocolViolation)
    }
}
