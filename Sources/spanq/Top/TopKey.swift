// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A key of a terminal.
enum TopKey: Sendable, Hashable {
    case character(Character)
    case enter, escape, tab, backTab, backspace
    case up, down, left, right, pageUp, pageDown, home, end
    /// With the control key: `c` for Ctrl-C.
    case control(Character)
}

/// Reads keys from what a terminal sends, in pieces of any size.
struct TopKeyReader: Sendable {
    private var bytes: [UInt8] = []

    /// Whether what came last may be the Escape key, or the beginning of another: what follows decides, or that nothing does.
    var isUndecided: Bool { bytes.first == 0x1B }

    mutating func feed(_ more: some Sequence<UInt8>) -> [TopKey] {
        bytes += more
        var keys: [TopKey] = []
        while let (key, count) = next() {
            bytes.removeFirst(count)
            if let key { keys.append(key) }
        }
        // Nothing that is meant is so long.
        if bytes.count > 32 { bytes = [] }
        return keys
    }

    /// Nothing more came.
    mutating func settle() -> [TopKey] {
        defer { bytes = [] }
        return isUndecided ? [.escape] : []
    }

    /// The first key and its bytes; a key that means nothing is nil. Nil where there is not all of one yet.
    private func next() -> (TopKey?, Int)? {
        guard let first = bytes.first else { return nil }
        switch first {
        case 0x1B: return sequence()
        case 0x0D, 0x0A: return (.enter, 1)
        case 0x09: return (.tab, 1)
        case 0x7F, 0x08: return (.backspace, 1)
        case 0x00: return (nil, 1)
        case ..<0x20: return (.control(Character(UnicodeScalar(first + 0x60))), 1)
        default: return character(first)
        }
    }

    private func character(_ first: UInt8) -> (TopKey?, Int)? {
        let length = first < 0x80 ? 1 : first < 0xC0 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF8 ? 4 : 0
        guard length > 0 else { return (nil, 1) }
        guard bytes.count >= length else { return nil }
        guard let text = String(validating: bytes.prefix(length), as: UTF8.self), let character = text.first else {
            return (nil, 1)
        }
        return (.character(character), length)
    }

    /// What begins with Escape: `ESC [ … letter`, `ESC O letter`, or another key with Alt, of which there is no use.
    private func sequence() -> (TopKey?, Int)? {
        guard bytes.count > 1 else { return nil }
        switch bytes[1] {
        case UInt8(ascii: "O"): return bytes.count < 3 ? nil : (Self.named(bytes[2], ""), 3)
        case UInt8(ascii: "["):
            guard let end = bytes.dropFirst(2).firstIndex(where: { (0x40...0x7E).contains($0) }) else { return nil }
            return (Self.named(bytes[end], String(decoding: bytes[2..<end], as: UTF8.self)), end + 1)
        case 0x1B: return (.escape, 1)
        default: return (nil, 2)
        }
    }

    private static func named(_ letter: UInt8, _ number: String) -> TopKey? {
        switch (UnicodeScalar(letter), number) {
        case ("A", _): .up
        case ("B", _): .down
        case ("C", _): .right
        case ("D", _): .left
        case ("H", _), ("~", "1"), ("~", "7"): .home
        case ("F", _), ("~", "4"), ("~", "8"): .end
        case ("Z", _): .backTab
        case ("~", "5"): .pageUp
        case ("~", "6"): .pageDown
        default: nil
        }
    }
}
