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
