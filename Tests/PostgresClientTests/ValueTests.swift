// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import PostgresClient

@Suite("values", .timeLimit(.minutes(2)))
struct ValueTests {
    @Test("values of each type come back as they were sent")
    func roundTrip() async throws {
        try await withClient { client in
            let rows = try await client.ask(
                "SELECT $1, $2, $3, $4, $5, $6::text, $7::bigint, $8::bytea", .bool(true), .int4(-7), .int8(.min),
                .text("ü 💥 \r\n"), .bytes([0, 1, 0, 255]), .text(nil), .int8(nil), .bytes(nil))
            #expect(rows.count == 1)
            #expect(try rows.bool(0, 0))
            #expect(try rows.integer(0, 1) == -7)
            #expect(try rows.integer(0, 2) == .min)
            #expect(try rows.text(0, 3) == "ü 💥 \r\n")
            #expect(try Array(rows.bytes(0, 4)) == [0, 1, 0, 255])
            #expect(try rows.optionalText(0, 5) == nil)
            #expect(try rows.optionalInteger(0, 6) == nil)
            #expect(try rows.optionalBytes(0, 7) == nil)
        }
    }

    @Test("arrays come back as they were sent, with NULLs, empty elements and no elements")
    func arrays() async throws {
        try await withClient { client in
            let rows = try await client.ask(
                "SELECT $1, $2, $3, $4, $5, cardinality($2)", .texts(["", "a,b", "{\"x\"}"]), .int8s([1, nil, .max]),
                .byteArrays([[], nil, [0]]), .int4s([]), .int8s([]))
            #expect(try rows.texts(0, 0) == ["", "a,b", "{\"x\"}"])
            #expect(try rows.integers(0, 1) == [1, nil, .max])
            #expect(try rows.byteArrays(0, 2) == [[], nil, [0]])
            #expect(try rows.integers(0, 3).isEmpty)
            #expect(try rows.integers(0, 4).isEmpty)
            #expect(try rows.integer(0, 5) == 3)
        }
    }

    @Test("empty texts and bytes are not NULL")
    func empty() async throws {
        try await withClient { client in
            let rows = try await client.ask(
                "SELECT $1 IS NULL, $2 IS NULL, $3 IS NULL", .text(""), .bytes([]), .text(nil))
            #expect(try [rows.bool(0, 0), rows.bool(0, 1), rows.bool(0, 2)] == [false, false, true])
        }
    }

    @Test("megabytes go both ways")
    func large() async throws {
        try await withClient { client in
            let bytes = (0..<(12 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            async let other = client.ask("SELECT 5::bigint")
            let rows = try await client.ask(
                "SELECT $1 FROM generate_series(1, 2)", .bytes(bytes), timeout: .seconds(60))
            #expect(rows.count == 2)
            #expect(try Array(rows.bytes(1, 0)) == bytes)
            #expect(try await other.integer(0, 0) == 5)
        }
    }

    @Test("a field that is read as what it is not is an error, not a trap")
    func violation() async throws {
        try await withClient { client in
            let rows = try await client.ask("SELECT $1, NULL::text, $2", .text("12345"), .bytes([0, 0, 0, 1, 0, 0]))
            let readings: [() throws -> Void] = [
                { _ = try rows.integer(0, 0) }, { _ = try rows.bool(0, 0) }, { _ = try rows.text(0, 1) },
                { _ = try rows.integers(0, 0) }, { _ = try rows.byteArrays(0, 2) }, { _ = try rows.text(0, 9) },
                { _ = try rows.text(1, 0) },
            ]
            for reading in readings {
                let error = #expect(throws: PostgresError.self) { try reading() }
                #expect(error?.code == .protocolViolation)
            }
        }
    }
}
