// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import ServiceLifecycle
import Synchronization

/// A redis-server of our own, with an append-only file, on a Unix socket.
///
/// It cannot outlive us. A shell holds it, and ends it when its own standard input ends: a pipe that closes with this process,
/// however that ends, by `kill -9` too. The shell also removes the directory, if that was made for this run. It has a process
/// group of its own (Foundation's `Process` sees to that), so Ctrl-C reaches us alone and jobs are released before Redis goes.
final class RedisProcess: Sendable {
    let directory: DevDirectory
    private let process: Process
    private let lifeline: FileHandle
    private let ended: AsyncStream<Void>

    /// The guard reads with a builtin: a program of its own would outlive it, and hold what `Process` tells our end by.
    ///
    /// $1 is a directory to remove at the end, or empty; the rest is the command of the server.
    private static let script = """
        scrap=$1
        shift
        exec 3<&0
        "$@" </dev/null >/dev/null 2>&1 3<&- &
        server=$!
        {
            read -r _ <&3
            kill $server
            n=0
            while kill -0 $server && [ $n -lt 100 ]; do
                sleep 0.05
                n=$((n + 1))
            done
            kill -9 $server
        } >/dev/null 2>&1 &
        guard=$!
        exec 3<&-
        wait $server
        kill $guard 2>/dev/null
        [ -z "$scrap" ] || rm -rf -- "$scrap"
        """

    private init(_ directory: DevDirectory, executable: String, arguments: [String]) throws {
        self.directory = directory
        let process = Process()
        let input = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments =
            ["-c", Self.script, "spanq-dev", directory.isTemporary ? directory.path : "", executable]
            + [
                "--port", "0", "--unixsocket", directory.socketPath, "--unixsocketperm", "700", "--dir", directory.path,
                "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
                "--logfile", directory.logPath,
            ] + arguments
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        // Programs that are run for jobs must not hold the lifeline open.
        _ = fcntl(input.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        process.terminationHandler = { _ in continuation.finish() }
        do {
            try Self.run(process)
        } catch {
            throw CommandFailure.failed("cannot start /bin/sh, which holds redis-server: \(error.localizedDescription)")
        }
        self.process = process
        self.lifeline = input.fileHandleForWriting
        self.ended = stream
    }

    /// A child inherits the signal mask of the thread that starts it, and the threads that run Swift tasks block nearly all: the
    /// shell would wait forever for a child's end, and the server would not hear a SIGTERM.
    private static func run(_ process: Process) throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try process.run()
    }

    /// Starts the server and waits until it takes connections.
    ///
    /// - Parameter arguments: more for the server.
    static func start(in directory: DevDirectory, _ arguments: [String] = []) async throws -> RedisProcess {
        guard let executable = Executable.find("redis-server") else {
            directory.removeIfTemporary()
            throw CommandFailure.failed(
                "spanq dev needs redis-server, which is not in PATH: install it with: sudo apt-get install redis-server"
            )
        }
        guard !UnixSocket.accepts(directory.socketPath) else {
            directory.removeIfTemporary()
            throw CommandFailure.failed(
                "a Redis answers at \(directory.socketPath) already: use it with --redis unix://\(directory.socketPath), or give another --dir"
            )
        }
        let server = try RedisProcess(directory, executable: executable, arguments: arguments)
        let deadline = ContinuousClock.now + .seconds(30)
        while !UnixSocket.accepts(directory.socketPath) {
            guard server.process.isRunning, ContinuousClock.now < deadline else {
                let problem = directory.lastLogLine
                await server.stop()
                throw CommandFailure.failed("redis-server did not start in \(directory.path): \(problem)")
            }
            do {
                try await Task.sleep(for: .milliseconds(10))
            } catch {
                await server.stop()
                throw error
            }
        }
        return server
    }

    /// Of the shell that holds the server.
    var processIdentifier: Int32 { process.processIdentifier }

    var isRunning: Bool { process.isRunning }

    /// Returns when the server has ended, or the task is cancelled.
    func waitForEnd() async {
        for await _ in ended {}
    }

    /// Ends the server, and waits until it is gone and its directory is removed.
    func stop() async {
        try? lifeline.close()
        while process.isRunning { try? await Task.sleep(for: .milliseconds(10)) }
    }
}

/// Ends `spanq dev` when its Redis ends by itself.
struct RedisWatch: Service {
    let server: RedisProcess

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            await server.waitForEnd()
            guard !Task.isCancelled else { return }
            let log = server.directory.isTemporary ? "" : ": see \(server.directory.logPath)"
            throw CommandFailure.failed("the private redis-server ended by itself, or was killed\(log)")
        }
    }
}

/// Where the private Redis of `spanq dev` keeps its file, its socket and its log.
struct DevDirectory: Sendable {
    let path: String
    let socketPath: String
    /// Made for this run, and removed at its end.
    let isTemporary: Bool

    var logPath: String { path + "/redis.log" }

    /// For `--redis`.
    var url: String {
        "unix://" + (socketPath.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? socketPath)
    }

    /// - Parameters:
    ///   - given: a directory to keep; it is made where it is missing. Nil makes a fresh one for this run.
    ///   - socket: where the socket goes; nil for the directory.
    init(_ given: String?, socket: String?) throws(CommandFailure) {
        let manager = FileManager.default
        if let given {
            path = Self.absolute(given)
            isTemporary = false
            do {
                try manager.createDirectory(
                    atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch {
                throw .usage("the directory \(path) can't be made: give --dir a place that you may write to")
            }
        } else {
            var template = Array((NSTemporaryDirectory() + "/spanq-dev.XXXXXX").utf8CString)
            guard let made = mkdtemp(&template) else {
                throw .failed("no temporary directory can be made: give one with --dir")
            }
            path = Self.absolute(String(cString: made))
            isTemporary = true
        }
        socketPath = socket.map(Self.absolute) ?? path + "/redis.sock"
        guard socketPath.utf8.count <= RedisURL.longestSocketPath else {
            removeIfTemporary()
            throw .usage(
                "the socket's path \(socketPath) is longer than \(RedisURL.longestSocketPath) bytes: give a shorter one with --redis-socket"
            )
        }
    }

    /// The last thing the server said, for an error.
    var lastLogLine: String {
        let log = (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? ""
        guard let line = log.split(whereSeparator: \.isNewline).last(where: { !$0.hasSuffix("bye bye...") }) else {
            return "it said nothing: may the directory be written to?"
        }
        return String(line)
    }

    func removeIfTemporary() {
        if isTemporary { try? FileManager.default.removeItem(atPath: path) }
    }

    private static func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path(percentEncoded: false)
            .replacing(/(.)\/$/) { String($0.1) }
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

/// Finds programs as a shell does.
enum Executable {
    static func find(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
