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
