// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CSpanQueueHiredis
import Foundation
import Testing

/// Every connection of a process has a reader, and all readers have one table of callbacks.
@Suite("The table of hiredis' callbacks")
struct CallbackTableTests {
    #if os(Linux)
        @Test("is one, and in memory that nobody can write, so that no thread can meet another there")
        func constant() throws {
            let readers = (0..<2).compactMap { _ in spanqueue_reader_create({ _, _, _, _, _ in }, nil) }
            defer { for reader in readers { spanqueue_reader_free(reader) } }
            let tables = try readers.map { try #require($0.pointee.reader.pointee.fn) }
            #expect(tables[0] == tables[1])
            let address = UInt(bitPattern: tables[0])
            let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
            // `55d0c0a00000-55d0c0b00000 r--p …`
            let line = try #require(
                maps.split(separator: "\n").first { line in
                    let ends = line.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
                    return ends.count == 2 && ends[0] <= address && address < ends[1]
                })
            #expect(line.split(separator: " ")[1].hasPrefix("r--"), "\(line)")
        }
    #endif
}
