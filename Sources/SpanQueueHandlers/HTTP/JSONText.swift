/// Tells whether bytes are a JSON text (RFC 8259), without building anything of it.
enum JSONText {
    /// Deeper nesting counts as not JSON: many readers refuse it.
    private static let maximumDepth = 512

    static func isValid(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBufferPointer { bytes in
            var scanner = Scanner(bytes: bytes)
            return scanner.skipValue(depth: 0) && scanner.isAtEnd
        } && String(validating: bytes, as: UTF8.self) != nil
    }

    private struct Scanner {
        let bytes: UnsafeBufferPointer<UInt8>
        var position = 0

        var next: UInt8? { position < bytes.count ? bytes[position] : nil }

        var isAtEnd: Bool {
            mutating get {
                skipBlanks()
                return position == bytes.count
            }
        }

        mutating func skipBlanks() {
            while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
        }

        mutating func skip(_ byte: UInt8) -> Bool {
            guard next == byte else { return false }
            position += 1
            return true
        }

        mutating func skip(word: StaticString) -> Bool {
            word.withUTF8Buffer { word in
                guard bytes.count - position >= word.count, bytes[position..<position + word.count].elementsEqual(word)
                else { return false }
                position += word.count
                return true
            }
        }

        mutating func skipValue(depth: Int) -> Bool {
            skipBlanks()
            switch next {
            case UInt8(ascii: "{"): return skipMembers(depth: depth, end: UInt8(ascii: "}"), named: true)
            case UInt8(ascii: "["): return skipMembers(depth: depth, end: UInt8(ascii: "]"), named: false)
            case UInt8(ascii: "\""): return skipString()
            case UInt8(ascii: "t"): return skip(word: "true")
            case UInt8(ascii: "f"): return skip(word: "false")
            case UInt8(ascii: "n"): return skip(word: "null")
            default: return skipNumber()
            }
        }

        mutating func skipMembers(depth: Int, end: UInt8, named: Bool) -> Bool {
            guard depth < maximumDepth else { return false }
            position += 1
            skipBlanks()
            if skip(end) { return true }
            while true {
                if named {
                    skipBlanks()
                    guard skipString() else { return false }
                    skipBlanks()
                    guard skip(UInt8(ascii: ":")) else { return false }
                }
                guard skipValue(depth: depth + 1) else { return false }
                skipBlanks()
                if skip(end) { return true }
                guard skip(UInt8(ascii: ",")) else { return false }
            }
        }

        mutating func skipString() -> Bool {
            guard skip(UInt8(ascii: "\"")) else { return false }
            while let byte = next {
                position += 1
                switch byte {
                case UInt8(ascii: "\""): return true
                case 0..<0x20: return false
                case UInt8(ascii: "\\"): guard skipEscape() else { return false }
                default: break
                }
            }
            return false
        }

        mutating func skipEscape() -> Bool {
            guard let byte = next else { return false }
            position += 1
            guard byte == UInt8(ascii: "u") else { return "\"\\/bfnrt".utf8.contains(byte) }
            for _ in 0..<4 {
                guard let digit = next, Character(Unicode.Scalar(digit)).isHexDigit else { return false }
                position += 1
            }
            return true
        }

        mutating func skipNumber() -> Bool {
            _ = skip(UInt8(ascii: "-"))
            if !skip(UInt8(ascii: "0")) { guard skipDigits() else { return false } }
            if skip(UInt8(ascii: ".")) { guard skipDigits() else { return false } }
            if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
                if !skip(UInt8(ascii: "+")) { _ = skip(UInt8(ascii: "-")) }
                guard skipDigits() else { return false }
            }
            return true
        }

        mutating func skipDigits() -> Bool {
            let start = position
            while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
            return position > start
        }
    }
}
