// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueueGzip
import Testing

@testable import SpanQueueServer

@Suite("gzip")
struct GzipTests {
    @Test(
        "it is used when it is wanted",
        arguments: [
            (nil, .identity), ("", .identity), ("gzip", .gzip), ("deflate, gzip;q=1.0, *;q=0.5", .gzip),
            ("gzip;q=0", .identity), ("*", .gzip), ("*;q=0", .identity), ("br", .identity), ("GZIP", .gzip),
            ("identity, gzip;q=0.5", .identity), ("identity;q=0.5, gzip", .gzip), ("gzip;q=0, *", .identity),
        ] as [(String?, ContentCoding)])
    func codings(header: String?, expected: ContentCoding) {
        #expect(ContentCoding.negotiated(acceptEncoding: header) == expected)
    }

    @Test("gunzip gives back what was compressed", arguments: [0, 1, 1_000, 3_000_000], [false, true])
    func roundTrip(size: Int, isSmall: Bool) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* $0 / 7) }
        let compressed = try #require(Gzip.compress(bytes, isSmall: isSmall))
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("page-\(UUID().uuidString).gz")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(compressed).write(to: file)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/gzip")
        process.arguments = ["-dc", file.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let restored = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(Array(restored) == bytes)
    }
}
