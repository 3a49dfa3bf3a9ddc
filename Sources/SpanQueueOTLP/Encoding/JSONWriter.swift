// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import SpanQueueTelemetry

/// Writes JSON bytes into a buffer that grows. It knows bytes and escaping; where commas and braces go is the encoder's matter.
///
/// Every write makes room first, so `base` always has `capacity` bytes of which `count` are written.
struct JSONWriter: ~Copyable {
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = max(capacity, 256)
        base = .allocate(capacity: self.capacity)
    }

    deinit {
        base.deallocate()
    }

    /// What was written.
    func bytes() -> [UInt8] {
        [UInt8](UnsafeBufferPointer(start: base, count: count))
    }

    /// Appends what was written, but for the first `skipped` bytes.
    func append(to bytes: inout [UInt8], skipping skipped: Int = 0) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: base + skipped, count: count - skipped))
    }

    /// Forgets what was written, and keeps the room.
    mutating func removeAll() {
        count = 0
    }

    @inline(__always)
    private mutating func reserve(_ more: Int) {
        if capacity - count < more { grow(more) }
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        capacity = max(capacity * 2, count + more)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: base, count: count)
        base.deallocate()
        base = larger
    }

    /// Text that is JSON already.
    @inline(__always)
    mutating func raw(_ text: StaticString) {
        let size = text.utf8CodeUnitCount
        reserve(size)
        (base + count).update(from: text.utf8Start, count: size)
        count += size
    }

    /// Bytes that are JSON already.
    @inline(__always)
    mutating func raw(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { copy($0, 0, $0.count) }
    }

    @inline(__always)
    mutating func byte(_ byte: UInt8) {
        reserve(1)
        base[count] = byte
        count += 1
    }

    /// Takes back the last byte where it is a comma.
    @inline(__always)
    mutating func dropComma() {
        if count > 0, base[count - 1] == UInt8(ascii: ",") { count -= 1 }
    }

    /// A string with its quotes.
    mutating func string(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            reserve(bytes.count + 2)
            base[count] = UInt8(ascii: "\"")
            count += 1
            var start = 0
            var index = 0
            while index < bytes.count {
                if bytes.count - index >= 8, Self.isPlain(UnsafeRawBufferPointer(bytes), index) {
                    index += 8
                    continue
                }
                if Self.needsEscape(bytes[index]) {
                    copy(bytes, start, index)
                    escape(bytes[index])
                    start = index + 1
                }
                index += 1
            }
            copy(bytes, start, bytes.count)
            byte(UInt8(ascii: "\""))
        }
    }

    /// Whether none of eight bytes needs an escape, all at once. A byte that has its highest bit set after the subtractions, and had
    /// not before, is below what was subtracted (Warren, "Hacker's Delight", 6-1); now and then one is taken for such that is none,
    /// which is looked at again by itself.
    @inline(__always)
    private static func isPlain(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        let quote = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
        let backslash = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
        let below = (word &- ones &* 0x20) & ~word
        return (below | (quote &- ones) & ~quote | (backslash &- ones) & ~backslash) & (ones &* 0x80) == 0
    }

    @inline(__always)
    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    @inline(__always)
    private mutating func copy(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) {
        guard end > start, let source = bytes.baseAddress else { return }
        reserve(end - start)
        (base + count).update(from: source + start, count: end - start)
        count += end - start
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): raw("\\\"")
        case UInt8(ascii: "\\"): raw("\\\\")
        case 0x0A: raw("\\n")
        case 0x0D: raw("\\r")
        case 0x09: raw("\\t")
        default:
            raw("\\u00")
            self.byte(Self.digit(UInt64(byte >> 4)))
            self.byte(Self.digit(UInt64(byte & 0xF)))
        }
    }

    /// A number in decimal digits.
    mutating func decimal(_ value: UInt64) {
        // As many as there can be, written from the end, and then moved to where they belong.
        reserve(Self.mostDigits)
        var rest = value
        var position = count + Self.mostDigits
        while rest >= 100 {
            let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
            position -= 2
            digits(UInt8(truncatingIfNeeded: pair), at: position)
            rest = quotient
        }
        if rest >= 10 {
            position -= 2
            digits(UInt8(truncatingIfNeeded: rest), at: position)
        } else {
            position -= 1
            base[position] = 0x30 + UInt8(truncatingIfNeeded: rest)
        }
        let size = count + Self.mostDigits - position
        (base + count).update(from: base + position, count: size)
        count += size
    }

    /// Those of 2⁶⁴ − 1.
    private static let mostDigits = 20

    @inline(__always)
    private func digits(_ pair: UInt8, at position: Int) {
        let tens = pair / 10
        base[position] = 0x30 + tens
        base[position + 1] = 0x30 + pair - tens * 10
    }

    /// A signed number in decimal digits.
    mutating func decimal(_ value: Int64) {
        if value < 0 { byte(UInt8(ascii: "-")) }
        decimal(value.magnitude)
    }

    /// A number in JSON, or the names that the JSON form of protobuf has for what is none.
    mutating func double(_ value: Double) {
        guard value.isFinite else {
            if value.isNaN { raw("\"NaN\"") } else if value > 0 { raw("\"Infinity\"") } else { raw("\"-Infinity\"") }
            return
        }
        var text = value.description
        text.withUTF8 { copy($0, 0, $0.count) }
    }

    /// Sixteen lower-case hexadecimal digits.
    @inline(__always)
    mutating func hexadecimal(_ value: UInt64) {
        reserve(16)
        let raw = UnsafeMutableRawPointer(base + count)
        raw.storeBytes(of: Self.digits(UInt32(truncatingIfNeeded: value >> 32)), as: UInt64.self)
        raw.storeBytes(of: Self.digits(UInt32(truncatingIfNeeded: value)), toByteOffset: 8, as: UInt64.self)
        count += 16
    }

    /// Eight digits at once, the first one in the first byte of memory: the nibbles are drawn apart into bytes, and 39, the way from
    /// `9` to `a` less one, is added to those above nine, which are those that reach the fifth bit with six more.
    @inline(__always)
    private static func digits(_ value: UInt32) -> UInt64 {
        var nibbles = UInt64(value)
        nibbles = (nibbles | nibbles << 16) & 0x0000_FFFF_0000_FFFF
        nibbles = (nibbles | nibbles << 8) & 0x00FF_00FF_00FF_00FF
        nibbles = (nibbles | nibbles << 4) & 0x0F0F_0F0F_0F0F_0F0F
        let letters = ((nibbles &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
        return (nibbles &+ 0x3030_3030_3030_3030 &+ letters &* 39).bigEndian
    }

    @inline(__always)
    private static func digit(_ value: UInt64) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: value)
        return value < 10 ? 0x30 + value : 0x57 + value
    }
}

// Fields are written with a comma after each; `end` takes the last one back. So nobody has to know what comes first.
extension JSONWriter {
    @inline(__always)
    mutating func endObject() {
        dropComma()
        raw("},")
    }

    @inline(__always)
    mutating func endArray() {
        dropComma()
        raw("],")
    }

    /// `key` comes with its quotes and colon: `"name":`.
    mutating func field(_ key: StaticString, _ text: String) {
        guard !text.isEmpty else { return }
        raw(key)
        string(text)
        byte(UInt8(ascii: ","))
    }

    /// A 64-bit field: in quotes, left out where it is 0.
    mutating func field64(_ key: StaticString, _ value: UInt64) {
        guard value != 0 else { return }
        raw(key)
        quoted(value)
        byte(UInt8(ascii: ","))
    }

    /// A field of at most 32 bits: a number, left out where it is 0.
    mutating func field32(_ key: StaticString, _ value: Int) {
        guard value != 0 else { return }
        raw(key)
        decimal(UInt64(UInt32(clamping: value)))
        byte(UInt8(ascii: ","))
    }

    /// A 64-bit number in quotes.
    mutating func quoted(_ value: UInt64) {
        byte(UInt8(ascii: "\""))
        decimal(value)
        byte(UInt8(ascii: "\""))
    }

    mutating func field(_ key: StaticString, _ id: TraceID) {
        raw(key)
        byte(UInt8(ascii: "\""))
        hexadecimal(id.high)
        hexadecimal(id.low)
        raw("\",")
    }

    mutating func field(_ key: StaticString, _ id: SpanID) {
        raw(key)
        byte(UInt8(ascii: "\""))
        hexadecimal(id.value)
        raw("\",")
    }

    mutating func attributes(_ attributes: Attributes) {
        guard !attributes.isEmpty else { return }
        raw("\"attributes\":[")
        elements(attributes)
        endArray()
    }

    /// The elements of a list of attributes, with a comma after each.
    mutating func elements(_ attributes: Attributes) {
        attributes.list.withUnsafeBufferPointer { list in
            for index in list.indices {
                raw("{\"key\":")
                string(list[index].key)
                raw(",\"value\":")
                value(list[index].value)
                raw("},")
            }
        }
    }

    /// An `AnyValue`: a oneof, so that what is empty or zero is written too.
    mutating func value(_ value: AttributeValue) {
        switch value {
        case .string(let text):
            raw("{\"stringValue\":")
            string(text)
            raw("}")
        case .bool(let flag):
            if flag { raw("{\"boolValue\":true}") } else { raw("{\"boolValue\":false}") }
        case .int(let number):
            raw("{\"intValue\":\"")
            decimal(number)
            raw("\"}")
        case .double(let number):
            raw("{\"doubleValue\":")
            double(number)
            raw("}")
        case .strings(let texts): array(texts) { .string($0) }
        case .bools(let flags): array(flags) { .bool($0) }
        case .ints(let numbers): array(numbers) { .int($0) }
        case .doubles(let numbers): array(numbers) { .double($0) }
        }
    }

    private mutating func array<Element>(_ elements: [Element], _ wrap: (Element) -> AttributeValue) {
        guard !elements.isEmpty else { return raw("{\"arrayValue\":{}}") }
        raw("{\"arrayValue\":{\"values\":[")
        for element in elements {
            value(wrap(element))
            byte(UInt8(ascii: ","))
        }
        dropComma()
        raw("]}}")
    }

    /// `"resource":{…},` and the opening of the one scope in it.
    mutating func beginResource(_ resource: TelemetryResource, list: StaticString, scopes: StaticString) {
        raw("{\"")
        raw(list)
        raw("\":[{\"resource\":{")
        attributes(resource.attributes)
        dropComma()
        raw("},\"")
        raw(scopes)
        raw("\":[{\"scope\":{")
        field("\"name\":", TelemetryResource.scopeName)
        field("\"version\":", TelemetryResource.version)
        endObject()
    }

    /// Closes what `beginResource` opened.
    mutating func endResource() {
        dropComma()
        raw("}]}]}")
    }
}
