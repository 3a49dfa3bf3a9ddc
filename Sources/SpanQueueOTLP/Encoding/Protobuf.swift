// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import SpanQueueTelemetry

/// Writes fields in protobuf's binary form (protobuf.dev, "Encoding"). A field whose value is the default is left out, as
/// proto3 does, except by the functions that say `always`: those write the members of a oneof and fields with presence.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) {
        bytes.reserveCapacity(capacity)
    }

    /// Forgets what was written, and keeps the room.
    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
    }

    private enum WireType: UInt64 {
        case varint = 0
        case fixed64 = 1
        case lengthDelimited = 2
        case fixed32 = 5
    }

    // MARK: Numbers

    /// `uint32`, `uint64` and enums.
    mutating func varint(_ field: Int, _ value: Int) {
        if value > 0 { varint(always: field, UInt64(value)) }
    }

    /// `bool`, and `int64` in two's complement.
    mutating func varint(always field: Int, _ value: UInt64) {
        tag(field, .varint)
        varint(value)
    }

    mutating func fixed64(_ field: Int, _ value: UInt64) {
        if value != 0 { fixed64(always: field, value) }
    }

    /// Also `sfixed64`, in two's complement.
    mutating func fixed64(always field: Int, _ value: UInt64) {
        tag(field, .fixed64)
        littleEndian(value)
    }

    mutating func double(always field: Int, _ value: Double) {
        fixed64(always: field, value.bitPattern)
    }

    mutating func fixed32(_ field: Int, _ value: Int) {
        guard value != 0 else { return }
        tag(field, .fixed32)
        withUnsafeBytes(of: UInt32(clamping: value).littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// `repeated fixed64`, packed.
    mutating func packed(_ field: Int, _ values: [UInt64]) {
        guard !values.isEmpty else { return }
        tag(field, .lengthDelimited)
        varint(UInt64(values.count * 8))
        for value in values { littleEndian(value) }
    }

    /// `repeated double`, packed.
    mutating func packed(_ field: Int, _ values: [Double]) {
        packed(field, values.map(\.bitPattern))
    }

    // MARK: Bytes

    mutating func string(_ field: Int, _ text: String) {
        if !text.isEmpty { string(always: field, text) }
    }

    mutating func string(always field: Int, _ text: String) {
        tag(field, .lengthDelimited)
        varint(UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    mutating func string(_ field: Int, _ text: StaticString) {
        tag(field, .lengthDelimited)
        varint(UInt64(text.utf8CodeUnitCount))
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    /// Fields that were written already.
    mutating func raw(_ fields: [UInt8]) {
        bytes.append(contentsOf: fields)
    }

    /// The id's 16 bytes, the first one first.
    mutating func id(_ field: Int, _ id: TraceID) {
        tag(field, .lengthDelimited)
        varint(16)
        bigEndian(id.high)
        bigEndian(id.low)
    }

    /// The id's 8 bytes.
    mutating func id(_ field: Int, _ id: SpanID) {
        tag(field, .lengthDelimited)
        varint(8)
        bigEndian(id.value)
    }

    // MARK: Messages

    /// A message: its length stands before it and is known after it, so that what was written moves by the bytes that a length
    /// above 127 takes more than one.
    mutating func message(_ field: Int, _ body: (inout ProtobufWriter) -> Void) {
        tag(field, .lengthDelimited)
        bytes.append(0)
        let start = bytes.count
        body(&self)
        var length = UInt64(bytes.count - start)
        guard length > 0x7F else {
            bytes[start - 1] = UInt8(length)
            return
        }
        bytes[start - 1] = UInt8(truncatingIfNeeded: length) | 0x80
        length >>= 7
        var rest: [UInt8] = []
        while length > 0x7F {
            rest.append(UInt8(truncatingIfNeeded: length) | 0x80)
            length >>= 7
        }
        rest.append(UInt8(length))
        bytes.insert(contentsOf: rest, at: start)
    }

    /// A message that was written already, at the end of others.
    static func append(_ field: Int, _ message: [UInt8], to bytes: inout [UInt8]) {
        varint(UInt64(field) << 3 | WireType.lengthDelimited.rawValue, to: &bytes)
        varint(UInt64(message.count), to: &bytes)
        bytes.append(contentsOf: message)
    }

    // MARK: Parts

    private mutating func tag(_ field: Int, _ type: WireType) {
        varint(UInt64(field) << 3 | type.rawValue)
    }

    private mutating func varint(_ value: UInt64) {
        Self.varint(value, to: &bytes)
    }

    private static func varint(_ value: UInt64, to bytes: inout [UInt8]) {
        var value = value
        while value > 0x7F {
            bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        bytes.append(UInt8(value))
    }

    private mutating func littleEndian(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func bigEndian(_ value: UInt64) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}

/// Reads the fields of a protobuf message one after the other. What does not follow the form ends the reading: an answer may
/// be cut off, or be no protobuf at all.
struct ProtobufReader {
    enum Value {
        case number(UInt64)
        case bytes(ArraySlice<UInt8>)
    }

    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    /// The next field; nil at the end, and where the bytes are not those of a message.
    mutating func next() -> (field: Int, value: Value)? {
        guard let tag = varint(), tag >> 3 > 0, tag >> 3 < 1 << 29 else { return nil }
        let value: Value?
        switch tag & 7 {
        case 0: value = varint().map(Value.number)
        case 1: value = take(8).map(Self.number)
        case 2: value = varint().flatMap { $0 <= UInt64(rest.count) ? take(Int($0)) : nil }.map(Value.bytes)
        case 5: value = take(4).map(Self.number)
        default: value = nil
        }
        return value.map { (Int(tag >> 3), $0) }
    }

    /// The last value of a field that holds bytes: a string or a message.
    static func bytes(of field: Int, in message: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var reader = ProtobufReader(message)
        var found: ArraySlice<UInt8>?
        while let (number, value) = reader.next() {
            if number == field, case .bytes(let bytes) = value { found = bytes }
        }
        return found
    }

    /// The last value of a field that holds an `int64`.
    static func number(of field: Int, in message: ArraySlice<UInt8>) -> Int64? {
        var reader = ProtobufReader(message)
        var found: Int64?
        while let (number, value) = reader.next() {
            if number == field, case .number(let bits) = value { found = Int64(bitPattern: bits) }
        }
        return found
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Value {
        .number(bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) })
    }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }
}
