// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Foundation
import Synchronization

/// A program in a process of its own: a worker or producer of `FaultProcess`, which ends when its standard input does and so
/// does not outlive the tests, or `spanq`.
///
/// `@unchecked Sendable`: `Process` is only started, signalled by its id and asked whether it runs.
package final class Child: @unchecked Sendable {
    private let process = Process()
    private let lifeline = Pipe()

    /// - Parameters:
    ///   - program: a product of this package: it stands beside the test bundle, or beside this very program.
    ///   - log: the file for what it prints.
    ///   - environment: added to this process' own, of which nothing of ours or of OpenTelemetry's is kept.
    ///   - output: what it has for its standard output, instead of the log.
    ///   - errors: what it has for its standard error, instead of the log.
    package init(
        _ program: String, _ arguments: [String], log: String, environment: [String: String] = [:],
        output: FileHandle? = nil, errors: FileHandle? = nil
    ) throws {
        process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent().appendingPathComponent(program)
        process.environment = ProcessInfo.processInfo.environment
            .filter { name, _ in !["SPANQ_", "OTEL_", "TRACE"].contains { name.hasPrefix($0) } }
            .merging(environment) { $1 }
        process.arguments = arguments
        process.standardInput = lifeline
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        let file = FileHandle(forWritingAtPath: log)
        process.standardError = errors ?? file
        process.standardOutput = output ?? file
        _ = fcntl(lifeline.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        try process.run()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    package var id: Int32 { process.processIdentifier }
    package var isRunning: Bool { process.isRunning }
    package var exitStatus: Int32 { process.terminationStatus }

    /// How many programs it has started that are still there, by Linux.
    package var programs: Int {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/task")) ?? []
        return threads.reduce(0) { sum, thread in
            let list = try? String(contentsOfFile: "/proc/\(id)/task/\(thread)/children", encoding: .utf8)
            return sum + (list?.split(separator: " ").count ?? 0)
        }
    }

    package func signal(_ number: Int32) {
        guard process.isRunning else { return }
        kill(process.processIdentifier, number)
    }

    package func waitUntilExit(within limit: Duration) async throws {
        try await wait(for: "process \(id) to end", within: limit) { !self.process.isRunning }
    }

    /// In the child: ends this process when its standard input does.
    package static func endWithParent() {
        Thread.detachNewThread {
            var byte: UInt8 = 0
            while read(STDIN_FILENO, &byte, 1) > 0 {}
            _exit(9)
        }
    }
}

/// Waits until a condition holds.
///
/// - Throws: `Unmet` when it does not within the limit.
package func wait(for what: String, within limit: Duration, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw Unmet("waited \(limit) for \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}
