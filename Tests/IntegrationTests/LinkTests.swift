// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

@Suite("What a program of SpanQueue links")
struct LinkTests {
    /// `IntegrationWorker` imports SpanQueue and SpanQueueRedis, as a producer or a worker without a server does.
    @Test(
        "one that enqueues and works links neither libcurl nor zlib",
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/ldd")))
    func producer() throws {
        let program = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent().appendingPathComponent("IntegrationWorker").path
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/ldd")
        process.arguments = [program]
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let names = text.split(separator: "\n").compactMap { $0.split(separator: " ").first }.map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        #expect(names.contains { $0.hasPrefix("libhiredis.") })
        #expect(!names.contains { $0.hasPrefix("libcurl") || $0.hasPrefix("libz.") }, "\(names)")
    }
}
