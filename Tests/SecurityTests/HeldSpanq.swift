// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// A `spanq` that goes on running: a worker or a server. It cannot outlive the tests: a shell holds it, and kills it when a pipe
/// closes with this process, however that ends. What it prints goes to a file.
///
/// `@unchecked Sendable`: one test owns it, and calls one method at a time.
final class HeldSpanq: @unchecked Sendable {
    private static let script = """
        log=$1; shift
        "$@" </dev/null >"$log" 2>&1 &
        child=$!
        cat
        kill $child
        wait $child
        """

    private let log: String
    private let holder = Process()
    private let lifeline = Pipe()

    init(_ arguments: String..., directory: String, environment: [String: String]) throws {
        log = directory + "/spanq-\(UUID().uuidString.prefix(8)).log"
        holder.executableURL = URL(fileURLWithPath: "/bin/sh")
        holder.arguments = ["-c", Self.script, "sh", log, SpanqRun.executable.path] + arguments
        holder.environment = SpanqRun.environment(environment)
        holder.standardInput = lifeline
        holder.standardOutput = FileHandle.nullDevice
        _ = fcntl(lifeline.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        try holder.run()
    }

    /// All that it has printed so far.
    var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    /// The port on which it says that it serves the metrics.
    func port() async throws -> Int { try await port(/address=127\.0\.0\.1:(\d+)/) }

    /// That of the pages.
    func webPort() async throws -> Int { try await port(/REST interface[^\n]*address=127\.0\.0\.1:(\d+)/) }

    private func port(_ line: Regex<(Substring, Substring)>) async throws -> Int {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            if let match = output.firstMatch(of: line), let port = Int(match.1) { return port }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw NotServing(output: output)
    }

    struct NotServing: Error {
        let output: String
    }

    /// Sends SIGTERM and waits for the end.
    func stop() {
        try? lifeline.fileHandleForWriting.close()
        holder.waitUntilExit()
    }

    deinit { stop() }
}
