extension [UInt8] {
    mutating func appendArrayHeader(count: Int) {
        append(UInt8(ascii: "*"))
        appendDecimal(count)
        appendLineEnd()
    }

    mutating func appendBulkHeader(length: Int) {
        append(UInt8(ascii: "$"))
        appendDecimal(length)
        appendLineEnd()
    }

    mutating func appendBulk(_ bytes: [UInt8]) {
        appendBulkHeader(length: bytes.count)
        append(contentsOf: bytes)
        appendLineEnd()
    }

    mutating func appendLineEnd() {
        append(UInt8(ascii: "\r"))
        append(UInt8(ascii: "\n"))
    }

    /// Without a `String` on the way.
    mutating func appendDecimal(_ number: some FixedWidthInteger) {
        var magnitude = number.magnitude
        if magnitude < 10, number >= 0 { return append(UInt8(ascii: "0") + UInt8(magnitude)) }
        let start = count
        while magnitude > 0 {
            let (quotient, remainder) = magnitude.quotientAndRemainder(dividingBy: 10)
            append(UInt8(ascii: "0") + UInt8(remainder))
            magnitude = quotient
        }
        if number < 0 { append(UInt8(ascii: "-")) }
        self[start...].reverse()
    }
}

extension FixedWidthInteger {
    /// Bytes of the number written in decimal, with its sign.
    var decimalWidth: Int {
        var width = self < 0 ? 2 : 1
        var rest = magnitude / 10
        while rest > 0 {
            width += 1
            rest /= 10
        }
        return width
    }
}
