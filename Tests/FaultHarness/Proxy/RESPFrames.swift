// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Cuts a stream of RESP2 into whole values, of which it tells the end and, for commands, the first two words.
struct RESPFrames {
    struct Frame {
        /// Its bytes.
        var bytes: ArraySlice<UInt8>
        /// The first two strings in it: a command's name and its first argument.
        var words: [ArraySlice<UInt8>]
    }

    private var buffer: [UInt8] = []

    /// Takes what was read, and gives the frames that are whole by now.
    mutating func feed(_ bytes: some Sequence<UInt8>) throws -> [Frame] {
        buffer.append(contentsOf: bytes)
        var frames: [Frame] = []
        var start = 0
        while start < buffer.count {
            var words: [ArraySlice<UInt8>] = []
            guard let end = try Self.end(of: buffer, from: start, words: &words) else { break }
            frames.append(Frame(bytes: buffer[start..<end], words: words))
            start = end
        }
        buffer.removeFirst(start)
        return frames
    }

    /// Where the value that starts here ends; nil while it is not whole.
    private static func end(
        of buffer: [UInt8], from start: Int, words: inout [ArraySlice<UInt8>]
    ) throws -> Int? {
        var at = start
        var values = 1
        while values > 0 {
            guard let newline = buffer[min(at, buffer.count)...].firstIndex(of: 10) else { return nil }
            let kind = buffer[at]
            let number = Int(String(decoding: buffer[(at + 1)..<(newline - 1)], as: UTF8.self))
            values -= 1
            at = newline + 1
            switch kind {
            case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ":"): break
            case UInt8(ascii: "$"):
                guard let number else { throw Unmet("not RESP") }
                guard number >= 0 else { break }
                guard at + number + 2 <= buffer.count else { return nil }
                if words.count < 2 { words.append(buffer[at..<(at + number)]) }
                at += number + 2
            case UInt8(ascii: "*"):
                guard let number else { throw Unmet("not RESP") }
                values += max(0, number)
            default: throw Unmet("not RESP: \(kind)")
            }
        }
        return at
    }
}
