// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

@testable import SpanQueue

/// What the flat coders write and read is what Foundation's do.
@Suite("JSON of flat values")
struct FlatJSONTests {
    private struct Flat: Codable, Equatable {
        var text: String
        var Upper: String
        var a10: Int
        var a2: Int8
        var big: UInt64
        var small: Int64
        var truth: Bool
        var maybe: String?
        var number: Int?
    }

    private struct Nested: Codable, Equatable {
        var inner: [Int]
    }

    private struct Odd: Codable, Equatable {
        var at: Date
        var share: Double
        var id: UUID
        var url: URL
    }

    /// Swallows what it can't read.
    private struct Lenient: Codable, Equatable {
        var name: String
        var list: [Int]?

        enum CodingKeys: String, CodingKey { case name, list }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            name = try container.decode(String.self, forKey: .name)
            list = try? container.decode([Int].self, forKey: .list)
        }

        init(name: String, list: [Int]?) {
            self.name = name
            self.list = list
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(name, forKey: .name)
            try? container.encode(list, forKey: .list)
        }
    }

    /// The same of a number.
    private struct Share: Codable, Equatable {
        var share: Double?

        enum CodingKeys: String, CodingKey { case share }

        init(from decoder: any Decoder) throws {
            share = try? decoder.container(keyedBy: CodingKeys.self).decode(Double.self, forKey: .share)
        }
    }

    private struct Twice: Encodable {
        enum CodingKeys: String, CodingKey { case a }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(1, forKey: .a)
            try container.encode(2, forKey: .a)
        }
    }

    private class Base: Codable {
        var base = 1
    }

    private final class Derived: Base {
        var own = 2
        override init() { super.init() }
        required init(from decoder: any Decoder) throws { try super.init(from: decoder) }
        override func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(own, forKey: .own)
            try super.encode(to: container.superEncoder())
        }
        enum Keys: String, CodingKey { case own }
    }

    private let foundation = JSONJobCoding { _, _ in }

    private static let samples =
        ["", "a", "x/y", "\"\\", "ä", "e\u{301}", "日本語", "👩‍👩‍👧", "\u{7f}\u{80}\u{2028}", "\u{feff}"]
        + (0..<0x21).map { "<\(UnicodeScalar(UInt8($0)))>" }

    @Test("a flat value has Foundation's bytes, and comes back", arguments: samples)
    func flat(text: String) throws {
        for (big, small, maybe) in [(UInt64.max, Int64.min, nil), (0, -1, text), (7, 0, "")]
            as [(UInt64, Int64, String?)]
        {
            let value = Flat(
                text: text, Upper: "u", a10: .min, a2: -128, big: big, small: small, truth: big > 0, maybe: maybe,
                number: maybe == nil ? nil : 5)
            let bytes = try #require(FlatJSONEncoder.encode(value))
            #expect(bytes == (try foundation.encode(value)), "\(String(decoding: bytes, as: UTF8.self))")
            let isPlain = !text.utf8.contains { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C }
            let back = FlatJSONDecoder.decode(Flat.self, from: bytes)
            #expect(back == (isPlain ? value : nil))
            #expect(try JSONJobCoding().decode(Flat.self, from: bytes) == value)
        }
    }

    @Test("what is not flat is Foundation's")
    func unfit() throws {
        let odd = Odd(
            at: Date(timeIntervalSince1970: 1.5), share: 0.1, id: UUID(), url: try #require(URL(string: "https://x/y")))
        let lenient = Lenient(name: "a", list: [1, 2])
        let url = try #require(URL(string: "https://a/b"))
        func check(_ value: some Encodable) throws {
            for _ in 0..<2 { #expect(try JSONJobCoding().encode(value) == (try foundation.encode(value)), "\(value)") }
        }
        for value in [Nested(inner: [1]), odd, lenient, Twice(), Derived(), url, Decimal(string: "1.5")]
            as [any Encodable]
        {
            try check(value)
        }
        try check(["a": 1, "b": 2])
        try check(["a": ["b": 2]])
        try check([1, 2])
        try check("text")
        try check(1)
        #expect(try JSONJobCoding().decode(Share.self, from: Array("{\"share\":3}".utf8)).share == 3)
        #expect(FlatJSONEncoder.encode(lenient) == nil)
        #expect(FlatJSONEncoder.encode(odd) == nil)
        #expect(try JSONJobCoding().decode(Odd.self, from: foundation.encode(odd)) == odd)
        #expect(try JSONJobCoding().decode(Lenient.self, from: foundation.encode(lenient)) == lenient)
        #expect(try JSONJobCoding().decode(URL.self, from: foundation.encode(url)) == url)
        #expect(try JSONJobCoding().decode([String: Int].self, from: foundation.encode(["a": 1])) == ["a": 1])
    }

    private struct Small: Codable, Equatable {
        var a: Int?
        var b: String?
        var c: Bool?
        var ä: Int?
    }

    @Test(
        "of any text it gives what Foundation gives, or leaves it to that",
        arguments: [
            "{}", " { } ", "{\"a\":1}", "{\"a\":01}", "{\"a\":-0}", "{\"a\":-}", "{\"a\":1.0}", "{\"a\":1e2}",
            "{\"a\":1,}",
            "{\"a\":1}x", "{\"a\":1", "{\"a\":99999999999999999999}", "{\"a\":9223372036854775808}", "{\"a\":\"1\"}",
            "{\"a\":null,\"b\":null}", "{\"b\":\"x\\n\"}", "{\"b\":\"\\u0041\"}", "{\"b\":\"x\ny\"}",
            "{\"a\":1,\"a\":2}",
            "{\"\\u0061\":1}", "{\"c\":true}", "{\"c\":tru}", "{\"c\":1}", "{\"x\":[1],\"a\":1}", "{\"x\":{},\"a\":1}",
            "{\"ä\":1}",
            "{\"a\u{308}\":1}", "[1]", "", "null", "{\"a\" : 1 , \"b\" :\t\"y\"\r\n}", "{,}", "{\"a\":1 \"b\":\"x\"}",
            "\u{feff}{\"a\":1}", "{a:1}", "{'a':1}", "{\"b\":\"\u{7f}\"}", "{\"a\":+1}", "{\"a\":NaN}", "{\"a\":1}\0",
        ])
    func anyText(text: String) throws {
        let bytes = Array(text.utf8)
        let expected = try? foundation.decode(Small.self, from: bytes)
        #expect((try? JSONJobCoding().decode(Small.self, from: bytes)) == expected)
        if let value = FlatJSONDecoder.decode(Small.self, from: bytes) { #expect(value == expected) }
    }

    @Test("bytes that are not UTF-8 are left to Foundation")
    func notText() {
        for byte in UInt8(0x80)...0xFF {
            let bytes = Array("{\"b\":\"".utf8) + [byte] + Array("\"}".utf8)
            #expect(FlatJSONDecoder.decode(Small.self, from: bytes) == nil)
        }
    }

    @Test("a type is given up after some misses in a row, not for a single one")
    func patience() {
        let types = UnfitTypes()
        var tries = 0
        func attempt(_ result: Int?) -> Int? {
            types.attempt(Small.self) {
                tries += 1
                return result
            }
        }
        for _ in 0..<3 {
            for _ in 1..<UnfitTypes.patience { #expect(attempt(nil) == nil) }
            #expect(attempt(1) == 1)
        }
        tries = 0
        for _ in 0..<100 { #expect(attempt(nil) == nil) }
        #expect(tries == UnfitTypes.patience)
        #expect(attempt(1) == nil)
        #expect(types.attempt(URL.self) { 1 } == nil)
        #expect(types.attempt(Flat.self) { 1 } == 1)
    }
}
