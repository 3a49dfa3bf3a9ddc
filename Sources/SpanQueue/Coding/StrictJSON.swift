// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Reads JSON texts (RFC 8259), and says where and why a text is not one. Nothing is built of the values: they stay the bytes
/// that were written.
///
/// It is stricter than the grammar where readers are known to differ, so that two programs can't see two different jobs: the
/// names in an object must differ, however they are escaped (RFC 7493, section 2.3), a surrogate needs its other half (2.1),
/// and nesting ends at `maximumDepth`. UTF-8 alone is read, without a byte order mark.
package struct StrictJSON {
    /// The deepest nesting of arrays and objects. Many readers refuse more.
    package static let maximumDepth = 512

    /// Why bytes are not JSON.
    package struct Problem: Error, Hashable, CustomStringConvertible {
        /// How many bytes stand before the place.
        package let offset: Int
        /// What is wrong there.
        package let what: String

        /// One line for a person; the first byte is byte 1.
        package var description: String { "\(what) at byte \(offset + 1)" }
    }

    /// What kind of value something is.
    package enum Kind: String, Sendable, Hashable {
        case object, array, string, number, boolean, null
    }

    /// A member of an object, as it was written.
    package struct Member: Sendable, Hashable {
        /// Its name, with escapes resolved.
        package let name: String
        package let kind: Kind
        /// The value's bytes, without the blanks around it.
        package let value: ArraySlice<UInt8>

        /// The text of a string, with escapes resolved; nil for another kind of value.
        package var text: String? {
            guard kind == .string else { return nil }
            var reader = StrictJSON(Array(value))
            return try? reader.readText()
        }

        /// The texts of an array of strings; nil for anything else.
        package var texts: [String]? {
            guard kind == .array else { return nil }
            var reader = StrictJSON(Array(value))
            return try? reader.readTexts()
        }
    }

    /// Whether the bytes are one JSON text.
    package static func isValid(_ bytes: [UInt8]) -> Bool { (try? check(bytes)) != nil }

    /// Refuses bytes that are not one JSON text.
    package static func check(_ bytes: [UInt8]) throws(Problem) {
        var reader = StrictJSON(bytes)
        try reader.refuseOtherEncodings()
        _ = try reader.readValue()
        try reader.readEnd()
    }

    /// The members of a JSON text that is an object, in their order.
    package static func members(of bytes: [UInt8]) throws(Problem) -> [Member] {
        var reader = StrictJSON(bytes)
        try reader.refuseOtherEncodings()
        reader.skipBlanks()
        guard reader.next == UInt8(ascii: "{") else { throw reader.unexpected("an object") }
        _ = try reader.beginValue()
        var members: [Member] = []
        while try reader.nextElement() {
            let name = String(decoding: reader.name, as: UTF8.self)
            let start = reader.position
            let kind = try reader.readValue()
            members.append(Member(name: name, kind: kind, value: bytes[start..<reader.position]))
        }
        try reader.readEnd()
        return members
    }

    /// The elements of a JSON text that is an array, as they were written.
    package static func elements(of bytes: [UInt8]) throws(Problem) -> [ArraySlice<UInt8>] {
        var reader = StrictJSON(bytes)
        try reader.refuseOtherEncodings()
        reader.skipBlanks()
        guard reader.next == UInt8(ascii: "[") else { throw reader.unexpected("an array") }
        _ = try reader.beginValue()
        var elements: [ArraySlice<UInt8>] = []
        while try reader.nextElement() {
            let start = reader.position
            _ = try reader.readValue()
            elements.append(bytes[start..<reader.position])
        }
        try reader.readEnd()
        return elements
    }

    private let bytes: [UInt8]
    private var position = 0
    /// The arrays and objects that have not ended, the innermost last.
    private var open: [Container] = []
    /// The name of the member that was begun last, with escapes resolved.
    private var name: ArraySlice<UInt8> = []

    private struct Container {
        let isObject: Bool
        var isEmpty = true
        var names: Set<ArraySlice<UInt8>> = []

        var end: UInt8 { isObject ? UInt8(ascii: "}") : UInt8(ascii: "]") }
    }

    private init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }
}

// MARK: Values

extension StrictJSON {
    /// Reads a value with all that is in it: by a loop and not by recursion, whose depth the writer would choose.
    private mutating func readValue() throws(Problem) -> Kind {
        let depth = open.count
        skipBlanks()
        let kind = try beginValue()
        while open.count > depth {
            if try nextElement() { _ = try beginValue() }
        }
        return kind
    }

    /// Reads a value that has no others in it, or enters one that has.
    private mutating func beginValue() throws(Problem) -> Kind {
        switch next {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard open.count < Self.maximumDepth else {
                throw problem("more than \(Self.maximumDepth) arrays and objects in each other")
            }
            let isObject = next == UInt8(ascii: "{")
            open.append(Container(isObject: isObject))
            position += 1
            return isObject ? .object : .array
        case UInt8(ascii: "\""):
            _ = try readString()
            return .string
        case UInt8(ascii: "t"):
            try read(word: "true")
            return .boolean
        case UInt8(ascii: "f"):
            try read(word: "false")
            return .boolean
        case UInt8(ascii: "n"):
            try read(word: "null")
            return .null
        case let byte? where byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte):
            try readNumber()
            return .number
        default:
            throw unexpected("a value")
        }
    }

    /// Goes on to the next value in the innermost array or object, past a member's name; false where there is none, and the
    /// array or object has been left.
    private mutating func nextElement() throws(Problem) -> Bool {
        let last = open.count - 1
        let end = open[last].end
        skipBlanks()
        if next == end {
            position += 1
            open.removeLast()
            return false
        }
        if !open[last].isEmpty {
            let sign = Unicode.Scalar(end)
            guard next == UInt8(ascii: ",") else { throw unexpected("a comma or \(sign)") }
            let comma = position
            position += 1
            skipBlanks()
            guard next != end else { throw Problem(offset: comma, what: "a comma before \(sign)") }
        }
        open[last].isEmpty = false
        if open[last].isObject { try readName() }
        skipBlanks()
        return true
    }

    private mutating func readName() throws(Problem) {
        let start = position
        guard next == UInt8(ascii: "\"") else { throw unexpected("a name in double quotes") }
        name = try readString()
        guard open[open.count - 1].names.insert(name).inserted else {
            let shown = Excerpt.printable(String(decoding: name, as: UTF8.self), limit: 40)
            throw Problem(offset: start, what: "a second member \"\(shown)\"")
        }
        skipBlanks()
        guard next == UInt8(ascii: ":") else { throw unexpected("a colon") }
        position += 1
    }

    private mutating func read(word: StaticString) throws(Problem) {
        let isThere = word.withUTF8Buffer { word in
            bytes.count - position >= word.count && bytes[position..<position + word.count].elementsEqual(word)
        }
        guard isThere else { throw unexpected("a value") }
        position += word.utf8CodeUnitCount
    }

    private mutating func readNumber() throws(Problem) {
        if next == UInt8(ascii: "-") { position += 1 }
        let start = position
        try readDigits()
        guard bytes[start] != UInt8(ascii: "0") || position == start + 1 else {
            throw Problem(offset: start, what: "a number that begins with 0")
        }
        if next == UInt8(ascii: ".") {
            position += 1
            try readDigits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            try readDigits()
        }
    }

    private mutating func readDigits() throws(Problem) {
        let start = position
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        guard position > start else { throw unexpected("a digit") }
    }

    private mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func readEnd() throws(Problem) {
        skipBlanks()
        guard position == bytes.count else { throw unexpected("the end") }
    }
}

// MARK: Strings

extension StrictJSON {
    /// A text that is nothing but a string.
    private mutating func readText() throws(Problem) -> String {
        String(decoding: try readString(), as: UTF8.self)
    }

    /// A text that is nothing but an array of strings.
    private mutating func readTexts() throws(Problem) -> [String] {
        _ = try beginValue()
        var texts: [String] = []
        while try nextElement() {
            guard next == UInt8(ascii: "\"") else { throw unexpected("a string") }
            texts.append(try readText())
        }
        return texts
    }

    /// Reads a string; returns its UTF-8 with escapes resolved.
    private mutating func readString() throws(Problem) -> ArraySlice<UInt8> {
        let opening = position
        position += 1
        // Most strings have no escapes: those are a part of the text as it is.
        var resolved: [UInt8]?
        var piece = position
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                defer { position += 1 }
                guard let resolved else { return bytes[piece..<position] }
                return (resolved + bytes[piece..<position])[...]
            case UInt8(ascii: "\\"):
                resolved = (resolved ?? []) + bytes[piece..<position]
                let scalar = try readEscape()
                resolved?.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
                piece = position
            case 0..<0x20:
                throw problem("a control character: write it as \\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))")
            case 0x80...:
                guard let length = scalarLength(at: position) else { throw problem("bytes that are not UTF-8") }
                position += length
            default:
                position += 1
            }
        }
        throw Problem(offset: opening, what: "a string that does not end")
    }

    private mutating func readEscape() throws(Problem) -> Unicode.Scalar {
        let start = position
        position += 1
        guard let sign = next else { throw unexpected("an escape") }
        position += 1
        switch sign {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(sign)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw Problem(offset: start, what: "an escape that JSON does not have")
        }
        let unit = try readHexadecimal(from: start)
        if let scalar = Unicode.Scalar(unit) { return scalar }
        let alone = Problem(offset: start, what: "half of a surrogate pair")
        guard unit < 0xDC00, bytes[position...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) else {
            throw alone
        }
        position += 2
        let low = try readHexadecimal(from: position - 2)
        guard (0xDC00...0xDFFF).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (UInt32(unit - 0xD800) << 10) + UInt32(low - 0xDC00))
        else { throw alone }
        return scalar
    }

    private mutating func readHexadecimal(from start: Int) throws(Problem) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Self.hexadecimal(byte) else {
                throw Problem(offset: start, what: "an escape without four hexadecimal digits")
            }
            value = value << 4 | digit
            position += 1
        }
        return value
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt16? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// How many bytes the character at a place has; nil where they are not UTF-8 (RFC 3629, section 4).
    private func scalarLength(at place: Int) -> Int? {
        let (length, second): (Int, ClosedRange<UInt8>)
        switch bytes[place] {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return nil
        }
        guard place + length <= bytes.count, second.contains(bytes[place + 1]),
            bytes[place + 2..<place + length].allSatisfy({ (0x80...0xBF).contains($0) })
        else { return nil }
        return length
    }
}

// MARK: Problems

extension StrictJSON {
    private func problem(_ what: String) -> Problem { Problem(offset: position, what: what) }

    private func unexpected(_ wanted: String) -> Problem {
        switch next {
        case nil: problem("the text ends instead of \(wanted)")
        case let byte? where byte > 0x20 && byte < 0x7F: problem("'\(Unicode.Scalar(byte))' instead of \(wanted)")
        case let byte?: problem("byte 0x\(byte < 16 ? "0" : "")\(String(byte, radix: 16)) instead of \(wanted)")
        }
    }

    /// Names what an editor or an export may have written instead of plain UTF-8 (RFC 8259, section 8.1).
    private func refuseOtherEncodings() throws(Problem) {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw problem("a byte order mark: save it as UTF-8 without one") }
        let start = bytes.prefix(4)
        if start.starts(with: [0xFE, 0xFF]) || start.starts(with: [0xFF, 0xFE]) || start.contains(0) {
            throw problem("not UTF-8, but UTF-16 or UTF-32")
        }
    }
}
