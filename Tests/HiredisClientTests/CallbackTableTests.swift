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
            // The kernel says whether it may write there: the byte that is there already.
            let byte = UnsafeMutableRawPointer(mutating: UnsafeRawPointer(tables[0]))
            let pipe = Pipe()
            try pipe.fileHandleForWriting.write(contentsOf: [byte.load(as: UInt8.self)])
            #expect(read(pipe.fileHandleForReading.fileDescriptor, byte, 1) == -1)
            #expect(errno == EFAULT)
        }
    #endif
}
