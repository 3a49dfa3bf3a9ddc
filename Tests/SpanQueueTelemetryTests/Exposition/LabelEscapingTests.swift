// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueTelemetry

@Suite("Escaping of label values and help")
struct LabelEscapingTests {
    @Test("what was escaped reads back as what it was, whatever the text")
    func roundTrip() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("\\\"\nna {},=é😀\r\t#\0")
        for _ in 0..<5_000 {
            let length = Int.random(in: 0...24, using: &generator)
            let text = String((0..<length).map { _ in alphabet.randomElement(using: &generator) ?? "a" })
            var escaped: [UInt8] = []
            LabelEscaping.append(text, to: &escaped)
            #expect(!escaped.contains(UInt8(ascii: "\n")))
            #expect(unescape(escaped) == Array(text.utf8))
            var help: [UInt8] = []
            LabelEscaping.appendHelp(text, escapingQuotes: true, to: &help)
            #expect(help == escaped)
            help.removeAll()
            LabelEscaping.appendHelp(text, escapingQuotes: false, to: &help)
            #expect(unescape(help) == Array(text.utf8))
        }
    }

    /// The reader's side: nil at an escape that the formats do not define.
    private func unescape(_ bytes: [UInt8]) -> [UInt8]? {
        var text: [UInt8] = []
        var position = 0
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "\\") {
                position += 1
                guard position < bytes.count else { return nil }
                switch bytes[position] {
                case UInt8(ascii: "\\"): text.append(UInt8(ascii: "\\"))
                case UInt8(ascii: "\""): text.append(UInt8(ascii: "\""))
                case UInt8(ascii: "n"): text.append(UInt8(ascii: "\n"))
                default: return nil
                }
            } else {
                text.append(bytes[position])
            }
            position += 1
        }
        return text
    }
}
