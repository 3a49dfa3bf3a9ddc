// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// `Tests/Support/recording_collector.py`: what was exported, byte for byte.
///
/// `@unchecked Sendable`: one test owns it, and calls one method at a time.
final class RecordingCollector: @unchecked Sendable {
    let port: Int
    private let file: String
    private let process = Process()
    private let lifeline = Pipe()

    init(directory: String) throws {
        file = directory + "/exported"
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Support/recording_collector.py").standardizedFileURL.path
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", script, file]
        process.standardInput = lifeline
        process.standardOutput = output
        _ = fcntl(lifeline.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        port = Int(line.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }

    deinit {
        try? lifeline.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    var bodies: String { (try? String(contentsOfFile: file, encoding: .utf8)) ?? "" }
    var headers: String { (try? String(contentsOfFile: file + ".headers", encoding: .utf8)) ?? "" }
}
