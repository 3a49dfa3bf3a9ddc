// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Moments as RFC 3339 writes them: `2026-11-21T09:30:00Z`, `2026-11-21 09:30:00.125+01:00`. A fraction may have any number of
/// digits; the offset may also be written as ISO 8601 has it, `+0100` or `+01`.
package struct RFC3339: Sendable, Hashable {
    /// Whole seconds since 1970-01-01T00:00:00Z.
    package let seconds: Int64
    /// What comes on top of them, 0 to 999,999,999.
    package let nanoseconds: Int64

    package init(seconds: Int64, nanoseconds: Int64) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// Reads a moment; nil where a field is missing or out of its range. Digits beyond the ninth of the fraction are cut. A leap
    /// second counts as the next one.
    package init?(_ text: String) {
        var rest = Array(text.utf8)[...]
        func digits(_ count: Int, _ range: ClosedRange<Int64>) -> Int64? {
            guard rest.count >= count, rest.prefix(count).allSatisfy(Self.isDigit) else { return nil }
            let value = rest.prefix(count).reduce(0) { $0 * 10 + Int64($1 - 0x30) }
            rest = rest.dropFirst(count)
            return range.contains(value) ? value : nil
        }
        func sign(_ wanted: StaticString) -> UInt8? {
            guard let first = rest.first, wanted.withUTF8Buffer({ $0.contains(first) }) else { return nil }
            return rest.removeFirst()
        }
        guard let year = digits(4, 0...9999), sign("-") != nil, let month = digits(2, 1...12), sign("-") != nil,
            let day = digits(2, 1...Self.days(in: month, of: year)), sign("Tt ") != nil,
            let hour = digits(2, 0...23), sign(":") != nil, let minute = digits(2, 0...59), sign(":") != nil,
            let second = digits(2, 0...60)
        else { return nil }
        var nanoseconds: Int64 = 0
        if sign(".") != nil {
            let fraction = rest.prefix(while: Self.isDigit)
            guard !fraction.isEmpty else { return nil }
            rest = rest.dropFirst(fraction.count)
            for place in 0..<9 {
                let digit = place < fraction.count ? Int64(fraction[fraction.startIndex + place] - 0x30) : 0
                nanoseconds = nanoseconds * 10 + digit
            }
        }
        var offset: Int64 = 0
        if let direction = sign("+-") {
            guard let hours = digits(2, 0...23) else { return nil }
            var minutes: Int64 = 0
            if sign(":") != nil || !rest.isEmpty {
                guard let given = digits(2, 0...59) else { return nil }
                minutes = given
            }
            offset = (hours * 60 + minutes) * (direction == UInt8(ascii: "-") ? -60 : 60)
        } else if sign("Zz") == nil {
            return nil
        }
        guard rest.isEmpty else { return nil }
        let days = Self.daysSince1970(year, month, day)
        seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - offset
        self.nanoseconds = nanoseconds
    }

    /// The same moment, rounded down to the millisecond.
    package var timestamp: Timestamp { Timestamp(milliseconds: seconds * 1000 + nanoseconds / 1_000_000) }

    /// In UTC, with as many digits of the fraction as it needs: none, three, six or nine. Nil outside the years 0 to 9999.
    package var text: String? {
        guard (-62_167_219_200...253_402_300_799).contains(seconds), (0..<1_000_000_000).contains(nanoseconds) else {
            return nil
        }
        // `2026-11-21T09:30:00.000Z` without its fraction.
        let whole = Timestamp(milliseconds: seconds * 1000).description.dropLast(5)
        guard nanoseconds != 0 else { return whole + "Z" }
        var digits = String(nanoseconds + 1_000_000_000).dropFirst()
        while digits.hasSuffix("000") { digits = digits.dropLast(3) }
        return "\(whole).\(digits)Z"
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        month == 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        // One era of 400 years later and back again: in the year 0 the divisions would round the wrong way.
        let before = year - 1 + 400
        let yearDays = before * 365 + before / 4 - before / 100 + before / 400 - 146_097
        let monthDays = (1..<month).reduce(0) { $0 + days(in: $1, of: year) }
        return yearDays + monthDays + day - 719_163
    }
}
