// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// One run of the built `spanq`: all that it printed, and how it ended.
struct SpanqRun {
    let output: String
    let code: Int32

    /// Beside the test bundle, where SwiftPM puts all products.
    static var executable: URL {
        let own = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        return own.deletingLastPathComponent().appendingPathComponent("spanq")
    }

    /// This process' variables, without ours and OpenTelemetry's, and `added`.
    static func environment(_ added: [String: String]) -> [String: String] {
        ProcessInfo.processInfo.environment
            .filter { name, _ in !["SPANQ_", "OTEL_", "TRACE"].contains { name.hasPrefix($0) } }
            .merging(added) { $1 }
    }

    static func spanq(
        _ arguments: String..., environment: [String: String] = [:], input: [UInt8] = []
    ) async throws -> SpanqRun {
        try await spanq(arguments, environment: environment, input: input)
    }

    static func spanq(
        _ arguments: [String], environment: [String: String] = [:], input: [UInt8] = []
    ) async throws -> SpanqRun {
        let process = Process()
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("spanq-run-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        // Files and not pipes, which fill up.
        let (stdin, printed) = (directory.appendingPathComponent("in"), directory.appendingPathComponent("out"))
        try Data(input).write(to: stdin)
        try Data().write(to: printed)
        process.executableURL = executable
        process.arguments = arguments
        process.environment = Self.environment(environment)
        let sink = try FileHandle(forWritingTo: printed)
        process.standardInput = try FileHandle(forReadingFrom: stdin)
        process.standardOutput = sink
        process.standardError = sink
        try process.run()
        process.waitUntilExit()
        let output = try Data(contentsOf: printed)
        return SpanqRun(output: String(decoding: output, as: UTF8.self), code: process.terminationStatus)
    }
}
