// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HeldProcess

/// A real redis-server of a test's own: on a Unix socket in a temporary directory, with nothing on disk.
///
/// It cannot outlive the tests, and neither can its directory.
///
/// `@unchecked Sendable`: one test owns it, and calls one method at a time.
package final class RedisServer: @unchecked Sendable {
    package var directory: String { place.path }
    package var socketPath: String { directory + "/redis.sock" }

    /// For clients: `unix:///…/redis.sock`.
    package var url: String { "unix://" + socketPath }

    private let arguments: [String]
    private let environment: [String: String]
    private let place: HeldDirectory
    private var held: HeldProcess?
    package private(set) var processIdentifier: Int32 = 0

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
        place = try HeldDirectory("spanq-test")
        let directory = place.path
        let files = ["--unixsocket", directory + "/redis.sock", "--dir", directory]
        arguments =
            isSentinel
            ? [directory + "/sentinel.conf", "--sentinel"] + files
            : ["--port", "0"] + files + ["--save", "", "--enable-debug-command", "yes", "--loglevel", "warning"]
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
        held?.end()
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
        place.remove()
    }

    private func launch() async throws {
        try? FileManager.default.removeItem(atPath: socketPath)
        // `env` becomes the server: the shell keeps an environment without what is meant for the server.
        let started = try HeldProcess(["env"] + environment.map { "\($0.key)=\($0.value)" } + [program] + arguments)
        (held, processIdentifier) = (started, started.processIdentifier)
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
