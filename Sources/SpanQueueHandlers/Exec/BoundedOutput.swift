// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// The first bytes of a stream.
struct StreamStart: Sendable {
    let limitBytes: Int
    private(set) var bytes: [UInt8] = []
    /// How many bytes came after them.
    private(set) var droppedBytes = 0

    init(limitBytes: Int) {
        self.limitBytes = max(0, limitBytes)
    }

    mutating func append(_ more: UnsafeRawBufferPointer) {
        let taken = min(more.count, limitBytes - bytes.count)
        bytes.append(contentsOf: more.prefix(taken))
        droppedBytes += more.count - taken
    }
}

/// The last bytes of a stream.
struct StreamEnd: Sendable {
    let limitBytes: Int
    /// Holds up to twice the limit, so that each byte is moved once at most.
    private var recent: [UInt8] = []
    private var totalBytes = 0

    init(limitBytes: Int) {
        self.limitBytes = max(0, limitBytes)
    }

    mutating func append(_ more: UnsafeRawBufferPointer) {
        totalBytes += more.count
        if recent.count + min(more.count, limitBytes) > 2 * limitBytes {
            recent.removeFirst(max(0, recent.count - limitBytes))
        }
        recent.append(contentsOf: more.suffix(limitBytes))
    }

    var bytes: ArraySlice<UInt8> { recent.suffix(limitBytes) }

    /// Whether bytes came before them.
    var isCut: Bool { totalBytes > limitBytes }
}

/// Text of bytes that a program or a server sent: always valid, and without NUL, which not every store and terminal takes.
enum ForeignText {
    /// The end of `bytes`, without blanks round it.
    ///
    /// - Parameters:
    ///   - isCut: whether something came before: the first character may be half a one.
    ///   - limit: of the text, in bytes of UTF-8.
    static func end(of bytes: some BidirectionalCollection<UInt8>, isCut: Bool, limit: Int) -> String {
        // At most three bytes of a character that was cut; more are not text anyway.
        let halves = isCut ? bytes.prefix(3).prefix { $0 & 0xC0 == 0x80 }.count : 0
        var text = trimmed(String(decoding: bytes.dropFirst(halves), as: UTF8.self))
        var isShortened = isCut
        // A broken byte becomes three, so the text may be longer than the bytes.
        let room = max(0, limit - 3)
        if text.utf8.count > (isCut ? room : limit) {
            let end = text.utf8.suffix(room).drop { $0 & 0xC0 == 0x80 }
            text = String(decoding: end, as: UTF8.self)
            isShortened = true
        }
        return isShortened ? "…" + text : text
    }

    /// The start of `bytes` on one line.
    static func start(of bytes: [UInt8], isCut: Bool, characters: Int) -> String {
        // Four bytes a character at most; a character that the cut broke shows as a replacement, which does no harm.
        let text = trimmed(String(decoding: bytes.prefix(4 * characters), as: UTF8.self))
        let shown = text.unicodeScalars.prefix(characters).map { scalar in
            scalar.properties.generalCategory == .control ? " " : String(scalar)
        }.joined()
        let isShortened = isCut || bytes.count > 4 * characters || text.unicodeScalars.count > characters
        return isShortened ? shown + "…" : shown
    }

    private static func trimmed(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(String.UnicodeScalarView(scalars[first...last].map { $0 == "\0" ? "\u{FFFD}" : $0 }))
    }
}
