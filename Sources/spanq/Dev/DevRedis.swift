// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import SpanQueueCommand

/// The redis-server of `spanq dev`: with an append-only file, on a Unix socket.
enum DevRedis {
    static func socketPath(in directory: DevDirectory, _ given: String?) throws(CommandFailure) -> String {
        let path = given.map(DevDirectory.absolute) ?? directory.path + "/redis.sock"
        guard path.utf8.count <= RedisURL.longestSocketPath else {
            throw .usage(
                "the socket's path \(path) is longer than \(RedisURL.longestSocketPath) bytes: give a shorter one with --redis-socket"
            )
        }
        return path
    }

    /// For `--redis`.
    static func url(_ socketPath: String) -> String {
        "unix://" + (socketPath.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? socketPath)
    }

    /// Starts the server and waits until it takes connections.
    ///
    /// - Parameter arguments: more for the server.
    static func start(
        in directory: DevDirectory, socket: String, _ arguments: [String]
    ) async throws -> DevServer {
        guard let executable = Executable.find("redis-server") else {
            throw CommandFailure.failed(
                "spanq dev needs redis-server, which is not in PATH: install it with: sudo apt-get install redis-server"
            )
        }
        guard !UnixSocket.accepts(socket) else {
            throw CommandFailure.failed(
                "a Redis answers at \(socket) already: use it with --redis unix://\(socket), or give another --dir")
        }
        let words =
            [
                executable, "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700", "--dir", directory.path,
                "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
                "--logfile", directory.logPath,
            ] + arguments
        let server = try DevServer(
            DevServer.Program(name: "redis-server", words: words, stop: "TERM", output: "/dev/null"), in: directory)
        try await server.wait(every: .milliseconds(10)) { UnixSocket.accepts(socket) }
        return server
    }
}

/// Asks whether someone listens on a Unix socket.
enum UnixSocket {
    static func accepts(_ path: String) -> Bool {
        #if canImport(Darwin)
            let descriptor = socket(AF_UNIX, SOCK_STREAM, 0)
        #else
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) == 0 }
        }
    }
}
