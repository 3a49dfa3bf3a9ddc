/// Lower-case hexadecimal, as W3C Trace Context writes it.
enum Hexadecimal {
    /// Sixteen digits a word, most significant first.
    static func encode(_ words: [UInt64]) -> String {
        String(unsafeUninitializedCapacity: words.count * 16) { buffer in
            var position = 0
            for word in words {
                for shift in stride(from: 60, through: 0, by: -4) {
                    let digit = UInt8((word >> UInt64(shift)) & 0xF)
                    buffer[position] = digit < 10 ? 48 + digit : 87 + digit
                    position += 1
                }
            }
            return position
        }
    }

    /// The value of at most sixteen lower-case digits; nil at any other byte, upper case among them.
    static func decode(_ digits: some Collection<UInt8>) -> UInt64? {
        guard !digits.isEmpty, digits.count <= 16 else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case 48...57: value = value << 4 | UInt64(digit - 48)
            case 97...102: value = value << 4 | UInt64(digit - 87)
            default: return nil
            }
        }
        return value
    }
}
