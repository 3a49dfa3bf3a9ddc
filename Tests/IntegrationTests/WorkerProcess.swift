// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// A worker in a process of its own, for tests that kill it. See `Tests/IntegrationWorker`.
final class WorkerProcess: @unchecked Sendable {  // One test owns it.
    private let process = Process()

    init(
        _ url: String, history: String, concurrency: Int = 1, leaseMilliseconds: Int = 1000,
        drainMilliseconds: Int = 2000
    ) throws {
        let directory = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent()
        process.executableURL = directory.appendingPathComponent("IntegrationWorker")
        process.arguments = [url, history, "\(concurrency)", "\(leaseMilliseconds)", "\(drainMilliseconds)"]
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    var isRunning: Bool { process.isRunning }
    var exitStatus: Int32 { process.terminationStatus }

    func signal(_ number: Int32) {
        kill(process.processIdentifier, number)
    }

    func waitUntilExit(within limit: Duration) async throws -> Bool {
        try await eventually(within: limit) { !self.process.isRunning }
    }
}

/// A line of a history file.
struct HistoryLine: Sendable {
    let what: String
    let id: String
    let attempt: Int
    let token: Int64
    let pid: Int32
    let milliseconds: Int64

    static func read(_ path: String) -> [HistoryLine] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: " ")
            guard parts.count == 6, let attempt = Int(parts[2]), let token = Int64(parts[3]),
                let pid = Int32(parts[4]), let milliseconds = Int64(parts[5])
            else { return nil }
            return HistoryLine(
                what: String(parts[0]), id: String(parts[1]), attempt: attempt, token: token, pid: pid,
                milliseconds: milliseconds)
        }
    }
}

/// Waits until a condition holds; false when it does not within the limit.
func eventually(within limit: Duration, _ condition: () async throws -> Bool) async throws -> Bool {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(5))
    }
    return try await condition()
}
