// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Reads a flat value from JSON: see `FlatJSON.swift`.
final class FlatJSONDecoder: Decoder {
    private enum Value {
        case text, number, null
        case truth(Bool)
    }

    private struct Member {
        let key: Range<Int>
        let value: Value
        /// Without quotes.
        let range: Range<Int>
    }

    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }
    private let bytes: [UInt8]
    private var members: [Member] = []
    private var isUnfit = false

    private init(_ bytes: [UInt8]) {
        self.bytes = bytes
        members.reserveCapacity(8)
    }

    /// The value that bytes stand for; nil where they or it are not flat, or something is wrong with them.
    static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) -> Value? {
        let decoder = FlatJSONDecoder(bytes)
        guard decoder.parse(), let value = try? type.init(from: decoder), !decoder.isUnfit else { return nil }
        return value
    }

    func container<Key>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(Container<Key>(decoder: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw unfit() }
    func singleValueContainer() throws -> any SingleValueDecodingContainer { throw unfit() }

    private func unfit() -> NotFlat {
        isUnfit = true
        return NotFlat()
    }

    /// Whether it is an object of such members and nothing else.
    private func parse() -> Bool {
        bytes.withUnsafeBufferPointer { bytes in
            var text = Text(bytes: bytes)
            guard text.skip(UInt8(ascii: "{")) else { return false }
            if !text.skip(UInt8(ascii: "}")) {
                repeat {
                    guard let member = text.member() else { return false }
                    members.append(member)
                } while text.skip(UInt8(ascii: ","))
                guard text.skip(UInt8(ascii: "}")) else { return false }
            }
            return text.isAtEnd && members.count <= Self.mostMembers
        }
    }

    /// More are looked up faster by others.
    private static let mostMembers = 32

    /// What is read, from front to back.
    private struct Text {
        let bytes: UnsafeBufferPointer<UInt8>
        private var place = 0

        init(bytes: UnsafeBufferPointer<UInt8>) {
            self.bytes = bytes
        }

        var isAtEnd: Bool {
            mutating get {
                skipSpace()
                return place == bytes.count
            }
        }

        private mutating func skipSpace() {
            while place < bytes.count,
                bytes[place] == 0x20 || bytes[place] == 0x0A || bytes[place] == 0x0D || bytes[place] == 0x09
            { place += 1 }
        }

        /// Whether a byte comes next, behind any space.
        mutating func skip(_ byte: UInt8) -> Bool {
            skipSpace()
            guard place < bytes.count, bytes[place] == byte else { return false }
            place += 1
            return true
        }

        mutating func member() -> Member? {
            // Texts are equal in more ways than bytes are, but not these.
            guard let key = text(isKey: true), skip(UInt8(ascii: ":")) else { return nil }
            skipSpace()
            guard place < bytes.count else { return nil }
            switch bytes[place] {
            case UInt8(ascii: "\""): return text(isKey: false).map { Member(key: key, value: .text, range: $0) }
            case UInt8(ascii: "t"): return word("true") ? Member(key: key, value: .truth(true), range: 0..<0) : nil
            case UInt8(ascii: "f"): return word("false") ? Member(key: key, value: .truth(false), range: 0..<0) : nil
            case UInt8(ascii: "n"): return word("null") ? Member(key: key, value: .null, range: 0..<0) : nil
            default: return number().map { Member(key: key, value: .number, range: $0) }
            }
        }

        /// A text without escapes, and of a key without other than ASCII; without its quotes.
        private mutating func text(isKey: Bool) -> Range<Int>? {
            guard skip(UInt8(ascii: "\"")) else { return nil }
            let start = place
            while place < bytes.count, bytes[place] != UInt8(ascii: "\"") {
                let byte = bytes[place]
                guard byte >= 0x20, byte != UInt8(ascii: "\\"), byte < 0x80 || !isKey else { return nil }
                place += 1
            }
            guard place < bytes.count else { return nil }
            place += 1
            return start..<place - 1
        }

        private mutating func word(_ word: StaticString) -> Bool {
            for offset in 0..<word.utf8CodeUnitCount {
                guard place < bytes.count, bytes[place] == word.utf8Start[offset] else { return false }
                place += 1
            }
            return true
        }

        /// A whole number without leading zeros.
        private mutating func number() -> Range<Int>? {
            let start = place
            if bytes[place] == UInt8(ascii: "-") { place += 1 }
            let first = place
            while place < bytes.count, bytes[place] >= 0x30, bytes[place] <= 0x39 { place += 1 }
            guard place > first, place == first + 1 || bytes[first] != 0x30 else { return nil }
            return start..<place
        }
    }

    private func member(_ key: some CodingKey) -> Member? {
        var name = key.stringValue
        // Of several the first counts, as for Foundation.
        return name.withUTF8 { name in
            for member in members where member.key.count == name.count {
                var count = 0
                while count < name.count, bytes[member.key.lowerBound + count] == name[count] { count += 1 }
                if count == name.count { return member }
            }
            return nil
        }
    }

    private func value<Read>(_ key: some CodingKey, _ read: (Member) -> Read?) throws -> Read {
        guard let member = member(key), let value = read(member) else { throw unfit() }
        return value
    }

    private func text(_ range: Range<Int>) -> String? {
        bytes.withUnsafeBufferPointer { String(validating: UnsafeBufferPointer(rebasing: $0[range]), as: UTF8.self) }
    }

    private func integer<Number: FixedWidthInteger>(_ key: some CodingKey) throws -> Number {
        try value(key) { member in
            guard case .number = member.value, member.range.count <= 20 else { return nil }
            return Number(String(decoding: bytes[member.range], as: UTF8.self))
        }
    }

    private struct Container<Key: CodingKey>: KeyedDecodingContainerProtocol {
        let decoder: FlatJSONDecoder
        var codingPath: [any CodingKey] { [] }
        var allKeys: [Key] {
            decoder.members.compactMap { decoder.text($0.key).flatMap { Key(stringValue: $0) } }
        }

        func contains(_ key: Key) -> Bool { decoder.member(key) != nil }
        func decodeNil(forKey key: Key) throws -> Bool {
            try decoder.value(key) { if case .null = $0.value { true } else { false } }
        }
        func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool {
            try decoder.value(key) { if case .truth(let truth) = $0.value { truth } else { nil } }
        }
        func decode(_ type: String.Type, forKey key: Key) throws -> String {
            try decoder.value(key) { if case .text = $0.value { decoder.text($0.range) } else { nil } }
        }
        func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try decoder.integer(key) }
        func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try decoder.integer(key) }
        func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try decoder.integer(key) }
        func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try decoder.integer(key) }
        func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try decoder.integer(key) }
        func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try decoder.integer(key) }
        func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try decoder.integer(key) }
        func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try decoder.integer(key) }
        func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try decoder.integer(key) }
        func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try decoder.integer(key) }
        func decode(_ type: Double.Type, forKey key: Key) throws -> Double { throw decoder.unfit() }
        func decode(_ type: Float.Type, forKey key: Key) throws -> Float { throw decoder.unfit() }
        func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value { throw decoder.unfit() }
        func nestedContainer<Nested>(
            keyedBy type: Nested.Type, forKey key: Key
        ) throws -> KeyedDecodingContainer<Nested> { throw decoder.unfit() }
        func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer { throw decoder.unfit() }
        func superDecoder() throws -> any Decoder { throw decoder.unfit() }
        func superDecoder(forKey key: Key) throws -> any Decoder { throw decoder.unfit() }
    }
}
