// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueHandlers

@Suite("What is kept of a stream")
struct BoundedOutputTests {
    private func pieces(_ total: Int, _ size: Int) -> [[UInt8]] {
        stride(from: 0, to: total, by: size).map { start in
            (start..<min(total, start + size)).map { UInt8(truncatingIfNeeded: $0) }
        }
    }

    @Test("is its start, and a count of the rest", arguments: [1, 7, 100, 1000])
    func start(_ size: Int) {
        var kept = StreamStart(limitBytes: 100)
        for piece in pieces(250, size) { piece.withUnsafeBytes { kept.append($0) } }
        #expect(kept.bytes == (0..<100).map { UInt8($0) })
        #expect(kept.droppedBytes == 150)
    }

    @Test("is its end", arguments: [1, 7, 99, 100, 101, 1000])
    func end(_ size: Int) {
        var kept = StreamEnd(limitBytes: 100)
        for piece in pieces(1234, size) { piece.withUnsafeBytes { kept.append($0) } }
        #expect(Array(kept.bytes) == (1134..<1234).map { UInt8(truncatingIfNeeded: $0) })
        #expect(kept.isCut)
    }

    @Test("is nothing at a limit of nothing")
    func nothing() {
        var start = StreamStart(limitBytes: 0)
        var end = StreamEnd(limitBytes: -1)
        for piece in pieces(10, 3) {
            piece.withUnsafeBytes { start.append($0) }
            piece.withUnsafeBytes { end.append($0) }
        }
        #expect(start.bytes.isEmpty && end.bytes.isEmpty && end.isCut)
    }

    @Test("becomes text that is valid, bounded and without NUL")
    func text() {
        let euro = Array("€€€€".utf8)
        #expect(ForeignText.end(of: euro.dropFirst(), isCut: true, limit: 100) == "…€€€")
        #expect(ForeignText.end(of: euro.dropFirst(2), isCut: true, limit: 100) == "…€€€")
        #expect(ForeignText.end(of: Array(" a\0b\n".utf8), isCut: false, limit: 100) == "a\u{FFFD}b")
        #expect(
            ForeignText.end(of: Array(repeating: UInt8(0xFF), count: 4096), isCut: true, limit: 100).utf8.count <= 100)
        #expect(ForeignText.end(of: euro, isCut: false, limit: 11) == "…€€")
        #expect(ForeignText.end(of: euro, isCut: false, limit: 12) == "€€€€")
        #expect(ForeignText.start(of: Array("a\r\nb\0".utf8), isCut: false, characters: 10) == "a  b\u{FFFD}")
        #expect(ForeignText.start(of: euro, isCut: false, characters: 2) == "€€…")
    }
}
