// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

/// Runs `Tools/observability/check_otlp.py`, which knows the official definitions.
enum OTLPCheck {
    private static let root = URL(filePath: #filePath).appending(path: "../../../..").standardized

    /// A Python that has `opentelemetry-proto`: that of `.venv`, or the one that `SPANQ_PYTHON` names.
    static let python: String? = {
        let candidates: [String?] = [
            ProcessInfo.processInfo.environment["SPANQ_PYTHON"], root.appending(path: ".venv/bin/python").path,
            "/usr/bin/python3",
        ]
        return candidates.compactMap { $0 }.first {
            (try? run($0, ["-c", "import opentelemetry.proto"], input: []))?.status == 0
        }
    }()

    static let collector = root.appending(path: "Tests/Support/hostile_collector.py").path

    /// What is wrong with a request body; nil for nothing.
    static func problem(_ signal: String, _ body: [UInt8]) throws -> String? {
        let result = try check([signal], body)
        return result.status == 0 ? nil : result.errors
    }

    /// What the official definitions understand a body as: the same text for the same telemetry, however it is written.
    static func digest(_ signal: String, _ body: [UInt8], isProtobuf: Bool) throws -> String {
        let result = try check(["--digest"] + (isProtobuf ? ["--protobuf"] : []) + [signal], body)
        return try #require(result.status == 0 ? result.output : nil, "\(result.errors)")
    }

    private static func check(
        _ arguments: [String], _ body: [UInt8]
    ) throws -> (status: Int32, output: String, errors: String) {
        try run(
            python ?? "python3", [root.appending(path: "Tools/observability/check_otlp.py").path] + arguments,
            input: body)
    }

    private static func run(_ program: String, _ arguments: [String], input: [UInt8]) throws -> (
        status: Int32, output: String, errors: String
    ) {
        // A file and not a pipe, which would block us when it is full.
        let file = FileManager.default.temporaryDirectory.appending(path: "otlp-\(UUID().uuidString)")
        try Data(input).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardInput = try FileHandle(forReadingFrom: file)
        // A line at most each, which a pipe holds.
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let found = output.fileHandleForReading.readDataToEndOfFile()
        let text = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (
            process.terminationStatus, String(decoding: found, as: UTF8.self), String(decoding: text, as: UTF8.self)
        )
    }
}
