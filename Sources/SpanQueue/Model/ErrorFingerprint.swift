// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What stands for an error, so that those that are alike can be told as one: the job's type, the error's type, and its text without
/// what differs from one to the next.
package struct ErrorFingerprint: Sendable, Hashable {
    /// The first eight bytes of a digest of the three.
    package let value: UInt64
    /// The text with numbers, hexadecimal words, UUIDs, quoted texts and paths masked; at most `Limits.maskedErrorBytes`.
    package let masked: String

    package init(jobType: String, errorType: String?, error: String) {
        let text = Self.mask(Excerpt.bounded(error, bytes: Limits.errorBytes))
        masked = Excerpt.bounded(text, bytes: Limits.maskedErrorBytes)
        let bytes = Array("\(jobType)\0\(errorType ?? "")\0\(masked)".utf8)
        value = Digest.sha256(bytes).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// As it is written: sixteen hexadecimal digits.
    package static func text(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Reads what ``text(_:)`` writes; nil for anything else.
    package static func parse(_ text: String) -> UInt64? {
        guard text.utf8.count == 16, text.utf8.allSatisfy(Masker.isHexadecimal) else { return nil }
        return UInt64(text, radix: 16)
    }

    static func mask(_ text: String) -> String {
        var masker = Masker(text)
        return masker.run()
    }
}

/// Goes through a text once, by bytes: what it looks at is ASCII, all else stays as it is.
private struct Masker {
    private let bytes: [UInt8]
    private var at = 0
    private var masked: [UInt8] = []
    /// Where the last masked number ends; what is joined to it is the same number.
    private var endOfNumber = -1

    init(_ text: String) {
        bytes = Array(text.utf8)
        masked.reserveCapacity(bytes.count)
    }

    mutating func run() -> String {
        while at < bytes.count {
            let byte = bytes[at]
            if Self.isQuote(byte), let end = endOfQuote() {
                masked += Array("‹text›".utf8)
                at = end + 1
            } else if byte == UInt8(ascii: "/"), isPath() {
                masked += Array("‹path›".utf8)
                at = end(of: Self.isOfPath)
            } else if Self.isOfWord(byte) {
                word()
            } else if Self.isSpace(byte) {
                if masked.last != UInt8(ascii: " ") { masked.append(UInt8(ascii: " ")) }
                at += 1
            } else {
                masked.append(byte)
                at += 1
            }
        }
        return String(decoding: masked, as: UTF8.self)
    }

    private func end(of isMember: (UInt8) -> Bool) -> Int {
        bytes[at...].firstIndex { !isMember($0) } ?? bytes.endIndex
    }

    /// Where the quoted text ends that begins here; nil where it is an apostrophe, or has no end nearby.
    private func endOfQuote() -> Int? {
        let quote = bytes[at]
        if at > 0, Self.isOfWord(bytes[at - 1]) { return nil }
        return bytes[(at + 1)...].prefix(256).firstIndex(of: quote)
    }

    /// Not the sign between two words, such as in `and/or`.
    private func isPath() -> Bool {
        guard at + 1 < bytes.count, Self.isOfPath(bytes[at + 1]) else { return false }
        return at == 0 || !Self.isOfWord(bytes[at - 1])
    }

    private mutating func word() {
        let end = end(of: Self.isOfWord)
        if isUUID() {
            masked += Array("‹id›".utf8)
            at += 36
            return
        }
        let word = bytes[at..<end]
        let isHexadecimal = word.allSatisfy(Self.isHexadecimal) || word.starts(with: "0x".utf8)
        let hasLetter = word.contains { !Self.isDigit($0) }
        let hasDigit = word.contains(where: Self.isDigit)
        if isHexadecimal && hasLetter && (hasDigit ? word.count >= 6 : word.count >= 16) {
            masked += Array("‹id›".utf8)
            at = end
            return
        }
        while at < end {
            if Self.isDigit(bytes[at]) {
                number(upTo: bytes[at..<end].firstIndex { !Self.isDigit($0) } ?? end)
            } else {
                masked.append(bytes[at])
                at += 1
            }
        }
    }

    /// One sign for a number, and for those that are joined to it: `1.5`, `12:30:01`, `127.0.0.1:6379`.
    private mutating func number(upTo end: Int) {
        at = end
        if masked.count == endOfNumber + 1, let joint = masked.last, ".,:".utf8.contains(joint) {
            masked.removeLast()
        } else {
            masked += Array("‹n›".utf8)
        }
        endOfNumber = masked.count
    }

    private func isUUID() -> Bool {
        let part = bytes[at...].prefix(36)
        guard part.count == 36, at + 36 == bytes.count || !Self.isOfWord(bytes[at + 36]) else { return false }
        return part.enumerated().allSatisfy { place, byte in
            [8, 13, 18, 23].contains(place) ? byte == UInt8(ascii: "-") : Self.isHexadecimal(byte)
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    static func isHexadecimal(_ byte: UInt8) -> Bool { isDigit(byte) || (0x61...0x66).contains(byte | 0x20) }
    private static func isOfWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x61...0x7A).contains(byte | 0x20) || byte == UInt8(ascii: "_") || byte >= 0x80
    }
    private static func isOfPath(_ byte: UInt8) -> Bool { isOfWord(byte) || "/._-~%+@=?&".utf8.contains(byte) }
    private static func isQuote(_ byte: UInt8) -> Bool { "\"'`".utf8.contains(byte) }
    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
