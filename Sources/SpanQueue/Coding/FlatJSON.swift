// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import NIOConcurrencyHelpers

// The JSON of values whose members are texts, whole numbers and truth values, as most jobs are: the same bytes as Foundation's coders write
// with sorted keys, and the same values as they read, in a third of the time. What is anything else they refuse, and Foundation has it: whoever
// meets something unknown, or an error, notes that the result is of no use, since a type may swallow what is thrown.

/// Writes such a value.
final class FlatJSONEncoder: Encoder {
    private struct Member {
        let key: String
        /// Where its value stands in `values`.
        let range: Range<Int>
    }

    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }
    private var members: [Member] = []
    private var values: [UInt8] = []
    private var isUsed = false
    private var isUnfit = false

    private init() {
        members.reserveCapacity(8)
        values.reserveCapacity(256)
    }

    /// A value's bytes; nil where it is not flat, or does not let itself be encoded.
    static func encode(_ value: some Encodable) -> [UInt8]? {
        let encoder = FlatJSONEncoder()
        do { try value.encode(to: encoder) } catch { return nil }
        return encoder.bytes()
    }

    func container<Key>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        isUsed = true
        return KeyedEncodingContainer(Container<Key>(encoder: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer { unfit() }
    func singleValueContainer() -> any SingleValueEncodingContainer { unfit() }

    fileprivate func unfit() -> Unfit {
        isUnfit = true
        return Unfit(encoder: self)
    }

    fileprivate func refused() -> NotFlat {
        isUnfit = true
        return NotFlat()
    }

    fileprivate func add(_ key: String, _ write: (inout [UInt8]) -> Void) {
        let start = values.count
        write(&values)
        members.append(Member(key: key, range: start..<values.count))
    }

    private func bytes() -> [UInt8]? {
        guard isUsed, !isUnfit else { return nil }
        members.sort { $0.key < $1.key }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count + 24 * members.count + 2)
        bytes.append(UInt8(ascii: "{"))
        for index in members.indices {
            if index > 0 {
                guard members[index - 1].key != members[index].key else { return nil }
                bytes.append(UInt8(ascii: ","))
            }
            Self.write(members[index].key, into: &bytes)
            bytes.append(UInt8(ascii: ":"))
            bytes.append(contentsOf: values[members[index].range])
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// A text in quotes, with what must be escaped in it.
    fileprivate static func write(_ text: String, into bytes: inout [UInt8]) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { text in
            var place = 0
            while place < text.count, text[place] >= 0x20, text[place] != UInt8(ascii: "\""),
                text[place] != UInt8(ascii: "\\")
            { place += 1 }
            guard place < text.count else { return bytes.append(contentsOf: text) }
            for byte in text { write(escaping: byte, into: &bytes) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func write(escaping byte: UInt8, into bytes: inout [UInt8]) {
        let short: UInt8? =
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): byte
            case 0x08: UInt8(ascii: "b")
            case 0x09: UInt8(ascii: "t")
            case 0x0A: UInt8(ascii: "n")
            case 0x0C: UInt8(ascii: "f")
            case 0x0D: UInt8(ascii: "r")
            default: nil
            }
        if let short {
            bytes += [UInt8(ascii: "\\"), short]
        } else if byte < 0x20 {
            bytes += Array((byte < 0x10 ? "\\u000" : "\\u00").utf8) + Array(String(byte, radix: 16).utf8)
        } else {
            bytes.append(byte)
        }
    }

    private struct Container<Key: CodingKey>: KeyedEncodingContainerProtocol {
        let encoder: FlatJSONEncoder
        var codingPath: [any CodingKey] { [] }

        func encodeNil(forKey key: Key) { encoder.add(key.stringValue) { $0.append(contentsOf: "null".utf8) } }
        func encode(_ value: Bool, forKey key: Key) {
            encoder.add(key.stringValue) { $0.append(contentsOf: (value ? "true" : "false").utf8) }
        }
        func encode(_ value: String, forKey key: Key) {
            encoder.add(key.stringValue) { FlatJSONEncoder.write(value, into: &$0) }
        }
        func encode(_ value: Int, forKey key: Key) { write(value, key) }
        func encode(_ value: Int8, forKey key: Key) { write(value, key) }
        func encode(_ value: Int16, forKey key: Key) { write(value, key) }
        func encode(_ value: Int32, forKey key: Key) { write(value, key) }
        func encode(_ value: Int64, forKey key: Key) { write(value, key) }
        func encode(_ value: UInt, forKey key: Key) { write(value, key) }
        func encode(_ value: UInt8, forKey key: Key) { write(value, key) }
        func encode(_ value: UInt16, forKey key: Key) { write(value, key) }
        func encode(_ value: UInt32, forKey key: Key) { write(value, key) }
        func encode(_ value: UInt64, forKey key: Key) { write(value, key) }
        func encode(_ value: Double, forKey key: Key) throws { throw encoder.refused() }
        func encode(_ value: Float, forKey key: Key) throws { throw encoder.refused() }
        func encode(_ value: some Encodable, forKey key: Key) throws { throw encoder.refused() }
        func nestedContainer<Nested>(keyedBy type: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<Nested> {
            _ = encoder.unfit()
            return encoder.container(keyedBy: type)
        }
        func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { encoder.unfit() }
        func superEncoder() -> any Encoder { encoder.unfit().encoder }
        func superEncoder(forKey key: Key) -> any Encoder { encoder.unfit().encoder }

        private func write(_ value: some BinaryInteger, _ key: Key) {
            encoder.add(key.stringValue) { $0.append(contentsOf: String(value).utf8) }
        }
    }

    /// Where what is not flat goes: nowhere.
    fileprivate struct Unfit: UnkeyedEncodingContainer, SingleValueEncodingContainer {
        let encoder: FlatJSONEncoder
        var codingPath: [any CodingKey] { [] }
        var count: Int { 0 }

        func encodeNil() throws { throw NotFlat() }
        func encode(_ value: some Encodable) throws { throw NotFlat() }
        func nestedContainer<Nested>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
            encoder.container(keyedBy: type)
        }
        func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { self }
        func superEncoder() -> any Encoder { encoder }
    }
}

/// Reads such a value.
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

/// For what is thrown Foundation is asked.
private struct NotFlat: Error {}

/// The types whose values have turned out not to be flat, so that they are not tried again: some in a row, for one text with an escape in it,
/// or one payload that somebody damaged, says nothing of the others.
final class UnfitTypes: Sendable {
    /// So many misses in a row.
    static let patience = 8
    /// Types come from the program, so there are only so many; but generic ones can be many.
    private static let most = 1000
    /// These have a keyed form, and Foundation gives them another.
    private static let given = [ObjectIdentifier(URL.self): patience, ObjectIdentifier(Decimal.self): patience]

    private let misses = NIOLockedValueBox(UnfitTypes.given)

    /// What `attempt` gives, unless the type is unfit; it gives nil for a value that is not flat.
    func attempt<Result>(_ type: Any.Type, _ attempt: () -> Result?) -> Result? {
        let type = ObjectIdentifier(type)
        let before = misses.withLockedValue { $0[type] ?? 0 }
        guard before < Self.patience else { return nil }
        guard let result = attempt() else {
            misses.withLockedValue { misses in
                if misses.count >= Self.most { misses = Self.given }
                misses[type, default: 0] += 1
            }
            return nil
        }
        if before > 0 { misses.withLockedValue { $0[type] = nil } }
        return result
    }
}
