// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Writes a flat value as JSON: see `FlatJSON.swift`.
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
