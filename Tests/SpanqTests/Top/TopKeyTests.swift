// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueCommand
import Testing

@testable import spanq

@Suite("Keys of a terminal")
struct TopKeyTests {
    private func keys(_ text: String) -> [TopKey] {
        var reader = TopKeyReader()
        return reader.feed(Array(text.utf8)) + reader.settle()
    }

    @Test("letters, words of control, and the keys that terminals name in several ways")
    func known() {
        #expect(
            keys("aZ1 ä😀") == [
                .character("a"), .character("Z"), .character("1"), .character(" "), .character("ä"), .character("😀"),
            ])
        #expect(
            keys("\r\n\t\u{7F}\u{8}\u{3}\u{1A}") == [
                .enter, .enter, .tab, .backspace, .backspace, .control("c"), .control("z"),
            ])
        #expect(keys("\u{1B}[A\u{1B}[B\u{1B}[C\u{1B}[D") == [.up, .down, .right, .left])
        #expect(keys("\u{1B}OA\u{1B}OH\u{1B}OF\u{1B}[H\u{1B}[F") == [.up, .home, .end, .home, .end])
        #expect(keys("\u{1B}[5~\u{1B}[6~\u{1B}[1~\u{1B}[4~\u{1B}[Z") == [.pageUp, .pageDown, .home, .end, .backTab])
    }

    @Test("Escape by itself is a key once nothing follows it")
    func escape() {
        var reader = TopKeyReader()
        #expect(reader.feed([0x1B]).isEmpty)
        #expect(reader.isUndecided)
        #expect(reader.settle() == [.escape])
        #expect(!reader.isUndecided)
        #expect(keys("\u{1B}\u{1B}[A") == [.escape, .up])
    }

    @Test("in pieces of any size it is the same")
    func pieces() {
        let text = "a\u{1B}[5~ä\u{1B}OB\u{1B}[1;5Cx"
        for size in 1...6 {
            var reader = TopKeyReader()
            var keys: [TopKey] = []
            let bytes = Array(text.utf8)
            for start in stride(from: 0, to: bytes.count, by: size) {
                keys += reader.feed(bytes[start..<min(start + size, bytes.count)])
            }
            #expect(keys == [.character("a"), .pageUp, .character("ä"), .down, .right, .character("x")])
        }
    }

    @Test("what means nothing is passed over, and nothing gathers")
    func junk() {
        #expect(keys("\u{1B}[200~x\u{1B}ay\0") == [.character("x"), .character("y")])
        var reader = TopKeyReader()
        #expect(reader.feed([0xFF, 0xC3, 0x28, 0x41]) == [.character("("), .character("A")])
        #expect(reader.feed([0x1B, 0x5B] + [UInt8](repeating: 0x31, count: 1000)).isEmpty)
        #expect(reader.feed([0x61]) == [.character("a")])
    }
}
