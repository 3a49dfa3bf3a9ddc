// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// A real redis-server of a test's own: on a Unix socket in a temporary directory, with nothing on disk.
///
/// It cannot outlive the tests. A shell holds it, and kills it when its standard input ends, which is a pipe that
/// closes with this process, however that ends. Where somebody kills the shell too, as one does who kills all that a test run
/// has started, the kernel kills the server (on Linux).
///
/// `@unchecked Sendable`: one test owns it, and calls one method at a time.
package final class RedisServer: @unchecked Sendable {
    package let directory: String
    package var socketPath: String { directory + "/redis.sock" }

    /// For clients: `unix:///…/redis.sock`.
    package var url: String { "unix://" + socketPath }

    private let arguments: [String]
    private let environment: [String: String]
    private var guardian: Process?
    private var lifeline: Pipe?
    package private(set) var processIdentifier: Int32 = 0

    private static let script = """
        hold=
        if command -v setpriv >/dev/null; then hold='setpriv --pdeathsig KILL'; fi
        $hold "$@" </dev/null >/dev/null 2>&1 &
        child=$!
        echo $child
        exec >/dev/null 2>&1
        cat
        kill -9 $child
        wait $child
        """

    /// `SPANQ_REDIS_SERVER` names another one, such as a valkey-server.
    private static let program = ProcessInfo.processInfo.environment["SPANQ_REDIS_SERVER"] ?? "redis-server"
    /// A valkey-server, for tests of what only it can do beside another one; nil where `SPANQ_VALKEY_SERVER` names none.
    package static let valkey = ProcessInfo.processInfo.environment["SPANQ_VALKEY_SERVER"]

    private let program: String

    private init(
        program: String?, extraArguments: [String], environment: [String: String], isSentinel: Bool = false
    ) throws {
        self.program = program ?? Self.program
        self.environment = environment
        // Short, because a socket's path may have little over 100 bytes.
        directory = "/tmp/spanq-test-" + UUID().uuidString.prefix(13)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let place = ["--unixsocket", directory + "/redis.sock", "--dir", directory]
        arguments =
            isSentinel
            ? [directory + "/sentinel.conf", "--sentinel"] + place
            : ["--port", "0"] + place + ["--save", "", "--enable-debug-command", "yes", "--loglevel", "warning"]
                + extraArguments
    }

    /// Starts a Sentinel.
    ///
    /// - Parameter configuration: its file, which it rewrites.
    package static func startSentinel(_ configuration: String) async throws -> RedisServer {
        let server = try RedisServer(program: nil, extraArguments: [], environment: [:], isSentinel: true)
        try configuration.write(toFile: server.directory + "/sentinel.conf", atomically: true, encoding: .utf8)
        try await server.launch()
        return server
    }

    /// Starts a server and waits until it takes connections.
    ///
    /// - Parameters:
    ///   - program: the server's; redis-server, or what `SPANQ_REDIS_SERVER` names, unless told.
    ///   - environment: what the server, and it alone, has in its environment beside ours.
    ///   - files: texts by the names of files, which it finds in its working directory.
    package static func start(
        _ extraArguments: [String] = [], program: String? = nil, environment: [String: String] = [:],
        files: [String: String] = [:]
    ) async throws -> RedisServer {
        let server = try RedisServer(program: program, extraArguments: extraArguments, environment: environment)
        for (name, text) in files {
            try text.write(toFile: server.directory + "/" + name, atomically: true, encoding: .utf8)
        }
        try await server.launch()
        return server
    }

    /// `kill -9`, as a crash would.
    package func kill() {
        guard processIdentifier > 0 else { return }
        Foundation.kill(processIdentifier, SIGKILL)
        processIdentifier = 0
        try? lifeline?.fileHandleForWriting.close()
        guardian?.waitUntilExit()
    }

    /// Sends a signal, such as `SIGSTOP`.
    package func signal(_ number: Int32) {
        guard processIdentifier > 0 else { return }
        Foundation.kill(processIdentifier, number)
    }

    /// The same server again, on the same socket. What was in memory is gone unless `extraArguments` keep it.
    package func restart() async throws {
        kill()
        try await launch()
    }

    /// Ends the server and removes its directory.
    package func stop() {
        kill()
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func launch() async throws {
        try? FileManager.default.removeItem(atPath: socketPath)
        let process = Process()
        let input = Pipe()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // `env` becomes the server: the shell keeps an environment without what is meant for the server.
        let command = ["env"] + environment.map { "\($0.key)=\($0.value)" } + [program] + arguments
        process.arguments = ["-c", Self.script, "sh"] + command
        process.standardInput = input
        process.standardOutput = output
        _ = fcntl(input.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let child = Int32(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw RedisServerError("cannot start redis-server: is it installed?")
        }
        (guardian, lifeline, processIdentifier) = (process, input, child)
        let deadline = ContinuousClock.now + .seconds(20)
        while !acceptsConnections() {
            guard ContinuousClock.now < deadline else { throw RedisServerError("redis-server does not answer") }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private func acceptsConnections() -> Bool {
        #if canImport(Darwin)
            let descriptor = socket(AF_UNIX, SOCK_STREAM, 0)
        #else
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socketPath.utf8.prefix($0.count - 1)) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) == 0 }
        }
    }
}
