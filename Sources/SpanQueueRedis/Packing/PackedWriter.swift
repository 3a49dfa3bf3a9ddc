import SpanQueue

/// Writes the fields of a packed record: integers big-endian, texts behind their length.
struct PackedWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) {
        bytes.reserveCapacity(capacity)
    }

    /// Begins another record, in the same memory.
    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
    }

    mutating func byte(_ value: UInt8) {
        bytes.append(value)
    }

    mutating func integer<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func raw(_ value: some Sequence<UInt8>) {
        bytes.append(contentsOf: value)
    }

    mutating func duration(_ value: Duration) {
        integer(value.milliseconds)
    }

    /// At most 255 bytes; names and words, which are checked elsewhere.
    mutating func shortText(_ text: String) {
        let utf8 = text.utf8
        byte(UInt8(min(utf8.count, 255)))
        bytes.append(contentsOf: utf8.prefix(255))
    }

    /// At most 65,535 bytes.
    mutating func longText(_ text: String) {
        let utf8 = text.utf8
        integer(UInt16(min(utf8.count, 65_535)))
        bytes.append(contentsOf: utf8.prefix(65_535))
    }

    /// Three bytes, as the scripts write the length of an entry.
    mutating func length(_ value: Int) {
        byte(UInt8(truncatingIfNeeded: value >> 16))
        byte(UInt8(truncatingIfNeeded: value >> 8))
        byte(UInt8(truncatingIfNeeded: value))
    }

    mutating func setByte(_ value: UInt8, at index: Int) {
        bytes[index] = value
    }
}
