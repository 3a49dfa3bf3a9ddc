// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// Runs `Tools/observability/check_otlp.py`, which knows the official definitions of OTLP.
enum OTLPCheck {
    struct Refused: Error {
        let reason: String
    }

    /// How many spans there are in a document.
    ///
    /// - Throws: what is wrong with it, also where the Python of `Scripts/test` is missing.
    static func spans(in document: String) throws -> Int {
        let root = URL(filePath: #filePath).appending(path: "../../..").standardized
        let named = ProcessInfo.processInfo.environment["SPANQ_PYTHON"]
        let process = Process()
        let (input, output, errors) = (Pipe(), Pipe(), Pipe())
        process.executableURL = URL(filePath: named ?? root.appending(path: ".venv/bin/python").path)
        process.arguments = [root.appending(path: "Tools/observability/check_otlp.py").path, "traces"]
        (process.standardInput, process.standardOutput, process.standardError) = (input, output, errors)
        try process.run()
        // The script reads all before it writes.
        input.fileHandleForWriting.write(Data(document.utf8))
        try input.fileHandleForWriting.close()
        let found = output.fileHandleForReading.readDataToEndOfFile()
        let reason = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Refused(reason: reason) }
        return try JSONDecoder().decode([String: Int].self, from: found)["items"] ?? 0
    }
}
