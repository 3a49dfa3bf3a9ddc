// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

@testable import SpanQueueOTLP
@testable import SpanQueueTelemetry

@Suite("Bytes of JSON")
struct JSONWriterTests {
    private func written(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter(capacity: 0)
        body(&writer)
        return writer.bytes()
    }

    @Test("numbers of every length, in decimal and hexadecimal digits")
    func numbers() {
        var values: [UInt64] = [0, .max, .max - 1]
        for shift in 0..<64 { values += [1 << shift, (1 << shift) - 1, (1 << shift) + 9] }
        var power: UInt64 = 1
        for _ in 0..<19 {
            power *= 10
            values += [power - 1, power, power + 1]
        }
        for _ in 0..<1_000 { values.append(.random(in: 0...(.max))) }
        for value in values {
            let signed = Int64(bitPattern: value)
            let hexadecimal = String(value, radix: 16)
            let expected = "\(value) \(signed) " + String(repeating: "0", count: 16 - hexadecimal.count) + hexadecimal
            let bytes = written {
                $0.decimal(value)
                $0.raw(" ")
                $0.decimal(signed)
                $0.raw(" ")
                $0.hexadecimal(value)
            }
            #expect(String(decoding: bytes, as: UTF8.self) == expected)
        }
    }

    @Test("a string is read back as it was, wherever in it is what must be escaped, or nearly must")
    func strings() throws {
        let edges = [
            "\"", "\\", "\0", "\u{1f}", " ", "!", "#", "[", "]", "\u{7f}", "\u{80}", "ü", "\n", "💥", "\u{2028}",
        ]
        for length in 0...20 {
            for edge in edges {
                for place in 0...length {
                    let filling = String(repeating: "x", count: length)
                    let text = filling.prefix(place) + edge + filling.dropFirst(place) + edge
                    let bytes = written { $0.string(String(text)) }
                    let read = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
                    try #require(read as? String == String(text), "\(text.debugDescription)")
                }
            }
        }
    }
}
