// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A packed record that is not what it should be.
package struct PackingError: Error, CustomStringConvertible {
    package let description: String
    /// Whether a later version wrote it: then nothing is wrong with it.
    package var isNewer: Bool

    package init(description: String, isNewer: Bool = false) {
        self.description = description
        self.isNewer = isNewer
    }

    /// Whether a version may be one to come: what is a letter or a space, as in text, is damage.
    package static func mayCome(_ version: UInt8, after latest: UInt8) -> Bool { version > latest && version < 32 }
}

/// Reads the fields that `PackedWriter` wrote. It never reads past the end: a record from Redis may be anything.
package struct PackedReader {
    private let bytes: ArraySlice<UInt8>
    package private(set) var position: Int
    private let end: Int

    package init(_ bytes: [UInt8], from start: Int = 0, to end: Int? = nil) {
        self.bytes = bytes[...]
        self.position = start
        self.end = end ?? bytes.count
    }

    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        self.position = bytes.startIndex
        self.end = bytes.endIndex
    }

    package var isAtEnd: Bool { position >= end }
    package var remaining: Int { end - position }

    private mutating func take(_ count: Int, _ what: String) throws(PackingError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= end - position else { throw cutOff(what) }
        defer { position += count }
        return bytes[position..<position + count]
    }

    private func cutOff(_ what: String) -> PackingError {
        PackingError(description: "it ends at byte \(end - bytes.startIndex), in the middle of \(what)")
    }

    package mutating func byte(_ what: String) throws(PackingError) -> UInt8 {
        guard position < end else { throw cutOff(what) }
        defer { position += 1 }
        return bytes[position]
    }

    package mutating func integer<Value: FixedWidthInteger>(_ what: String) throws(PackingError) -> Value {
        let size = Value.bitWidth / 8
        guard size <= end - position else { throw cutOff(what) }
        var value: Value = 0
        for place in position..<position + size { value = value << 8 | Value(truncatingIfNeeded: bytes[place]) }
        position += size
        return value
    }

    package mutating func raw(_ count: Int, _ what: String) throws(PackingError) -> [UInt8] {
        Array(try take(count, what))
    }

    package mutating func skip(_ count: Int, _ what: String) throws(PackingError) {
        _ = try take(count, what)
    }

    package mutating func rest() -> [UInt8] {
        defer { position = end }
        return Array(bytes[position..<end])
    }

    package mutating func duration(_ what: String) throws(PackingError) -> Duration {
        .milliseconds(try integer(what) as Int64)
    }

    package mutating func shortText(_ what: String) throws(PackingError) -> String {
        let count = Int(try byte(what))
        return String(decoding: try take(count, what), as: UTF8.self)
    }

    package mutating func longText(_ what: String) throws(PackingError) -> String {
        let count: UInt16 = try integer(what)
        return String(decoding: try take(Int(count), what), as: UTF8.self)
    }

    package mutating func text(_ count: Int, _ what: String) throws(PackingError) -> String {
        String(decoding: try take(count, what), as: UTF8.self)
    }

    package mutating func length(_ what: String) throws(PackingError) -> Int {
        try take(3, what).reduce(0) { $0 << 8 | Int($1) }
    }

    /// Thirteen digits of milliseconds, as the scripts write a moment.
    package mutating func stamp(_ what: String) throws(PackingError) -> Timestamp {
        var value: Int64 = 0
        guard end - position >= 13 else { throw cutOff(what) }
        defer { position += 13 }
        for digit in bytes[position..<position + 13] {
            guard (48...57).contains(digit) else { throw PackingError(description: "\(what) is not a number") }
            value = value * 10 + Int64(digit - 48)
        }
        return Timestamp(milliseconds: value)
    }
}

/// Writes the fields of a packed record: integers big-endian, texts behind their length.
package struct PackedWriter {
    package private(set) var bytes: [UInt8] = []

    package init(capacity: Int) {
        bytes.reserveCapacity(capacity)
    }

    /// Begins another record, in the same memory.
    package mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
    }

    package mutating func byte(_ value: UInt8) {
        bytes.append(value)
    }

    package mutating func integer<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func raw(_ value: some Sequence<UInt8>) {
        bytes.append(contentsOf: value)
    }

    package mutating func duration(_ value: Duration) {
        integer(value.milliseconds)
    }

    /// At most 255 bytes; names and words, which are checked elsewhere.
    package mutating func shortText(_ text: String) {
        let utf8 = text.utf8
        byte(UInt8(min(utf8.count, 255)))
        bytes.append(contentsOf: utf8.prefix(255))
    }

    /// At most 65,535 bytes.
    package mutating func longText(_ text: String) {
        let utf8 = text.utf8
        integer(UInt16(min(utf8.count, 65_535)))
        bytes.append(contentsOf: utf8.prefix(65_535))
    }

    /// Three bytes, as the scripts write the length of an entry.
    package mutating func length(_ value: Int) {
        byte(UInt8(truncatingIfNeeded: value >> 16))
        byte(UInt8(truncatingIfNeeded: value >> 8))
        byte(UInt8(truncatingIfNeeded: value))
    }

    package mutating func setByte(_ value: UInt8, at index: Int) {
        bytes[index] = value
    }
}
