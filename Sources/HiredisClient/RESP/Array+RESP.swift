// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

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
    mutating func appendDecimal(_ number: Int) {
        appendDecimal(Int64(number))
    }

    /// Not generic: other modules would call what is, unspecialised, at ten times the cost.
    mutating func appendDecimal(_ number: Int64) {
        if number >= 0, number < 10 { return append(UInt8(ascii: "0") + UInt8(number)) }
        appendDecimal(number, width: number.decimalWidth)
    }

    /// - Parameter width: that of the number in decimal, with its sign.
    private mutating func appendDecimal(_ number: Int64, width: Int) {
        // From the last digit backwards, beside the array: to turn it round inside costs more than all the divisions.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: width) { digits in
            var magnitude = number.magnitude
            var place = width
            repeat {
                let (quotient, remainder) = magnitude.quotientAndRemainder(dividingBy: 10)
                place -= 1
                digits[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: remainder)
                magnitude = quotient
            } while magnitude > 0
            if place > 0 { digits[0] = UInt8(ascii: "-") }
            append(contentsOf: digits)
        }
    }
}

extension Int64 {
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
