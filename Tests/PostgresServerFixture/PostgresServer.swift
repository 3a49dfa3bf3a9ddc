// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// A real Postgres of a test's own: a cluster in a temporary directory, on a Unix socket there.
///
/// It cannot outlive the tests. A shell holds it, and ends it when its standard input ends, which is a pipe that closes with this
/// process, however that ends. Postgres does not run as root: where the tests do, it runs as nobody.
///
/// `@unchecked Sendable`: one test owns it, and calls one method at a time.
package final class PostgresServer: @unchecked Sendable {
    /// Holds the socket, and the cluster in `data`.
    package let directory: String
    package var socketPath: String { directory + "/.s.PGSQL.5432" }

    /// For clients, as the superuser `spanq`.
    package var url: String { Self.url(directory) }

    /// - Parameter directory: with a socket in it.
    package static func url(_ directory: String) -> String { "postgres://spanq@/postgres?host=\(directory)" }

    private let settings: [String]
    private var guardian: Process?
    private var lifeline: Pipe?
    package private(set) var processIdentifier: Int32 = 0

    private static let asNobody =
        geteuid() == 0 ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] : []

    private static let script = """
        hold=
        if command -v setpriv >/dev/null; then hold='setpriv --pdeathsig KILL'; fi
        cd /
        $hold "$@" </dev/null >/dev/null 2>&1 &
        child=$!
        echo $child
        exec >/dev/null 2>&1
        cat
        kill -$0 $child
        wait $child
        """

    /// `SPANQ_POSTGRES_BIN` names another one.
    private static let programs: String = {
        if let folder = ProcessInfo.processInfo.environment["SPANQ_POSTGRES_BIN"] { return folder }
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        guard let latest = versions.compactMap({ Int($0) }).max() else { return "/usr/bin" }
        return "\(root)/\(latest)/bin"
    }()

    /// What `initdb` makes, made once: it takes seconds.
    private static let template = Result {
        let directory = try makeDirectory()
        try run(
            asNobody + [
                programs + "/initdb", "-D", directory + "/data", "-U", "spanq", "-A", "trust", "-E", "UTF8", "--locale",
                "C",
                "--no-sync",
            ])
        removeAtExit(directory)
        return directory
    }

    private init(settings: [String]) throws {
        self.settings = settings
        directory = try Self.makeDirectory()
        // As its owner, who stays that.
        try Self.run(Self.asNobody + ["cp", "-a", try Self.template.get() + "/data", directory + "/data"])
    }

    /// Starts a server and waits until it takes connections.
    ///
    /// - Parameter settings: as `name=value`. Without `fsync=on` nothing waits for the disk.
    package static func start(_ settings: [String] = []) async throws -> PostgresServer {
        let server = try PostgresServer(settings: settings)
        try await server.launch()
        return server
    }

    /// `kill -9` of the server's first process; the others end by themselves.
    package func kill() {
        guard processIdentifier > 0 else { return }
        Foundation.kill(processIdentifier, SIGKILL)
        processIdentifier = 0
        release()
    }

    /// Sends a signal to the server's first process, such as `SIGINT`: end at once, in order.
    package func signal(_ number: Int32) {
        guard processIdentifier > 0 else { return }
        Foundation.kill(processIdentifier, number)
    }

    /// The same server again, on the same socket, with what was on disk. After a kill, that is as after a crash.
    package func restart() async throws {
        end()
        try await launch()
    }

    /// Ends the server and removes its directory.
    package func stop() {
        end()
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func end() {
        processIdentifier = 0
        release()
    }

    private func release() {
        try? lifeline?.fileHandleForWriting.close()
        lifeline = nil
        guardian?.waitUntilExit()
        guardian = nil
    }

    private func launch() async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            try startProcess()
            while ContinuousClock.now < deadline, guardian?.isRunning == true, isAlive {
                if isReady { return }
                try await Task.sleep(for: .milliseconds(20))
            }
            // Processes of the server before may still be there: it does not start beside them.
            guard ContinuousClock.now < deadline else { throw PostgresServerError("postgres does not answer") }
            end()
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private var isAlive: Bool { processIdentifier > 0 && Foundation.kill(processIdentifier, 0) == 0 }

    private func startProcess() throws {
        let standard = [
            "listen_addresses=", "unix_socket_directories=\(directory)", "fsync=off", "shared_buffers=32MB",
            "max_connections=300", "log_min_messages=fatal", "autovacuum_naptime=10s",
        ]
        let (process, input, child) = try Self.hold(
            [Self.programs + "/postgres", "-D", directory + "/data"] + (standard + settings).flatMap { ["-c", $0] })
        (guardian, lifeline, processIdentifier) = (process, input, child)
    }

    /// Starts a program that gets a signal when the pipe ends.
    ///
    /// - Parameter signal: what ends it at once and in order; of Postgres, `QUIT`.
    static func hold(_ words: [String], signal: String = "QUIT") throws -> (
        guardian: Process, lifeline: Pipe, child: Int32
    ) {
        let process = Process()
        let input = Pipe()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script, signal] + asNobody + words
        process.standardInput = input
        process.standardOutput = output
        _ = fcntl(input.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let child = Int32(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw PostgresServerError("cannot start \(words[0]): is it installed?")
        }
        return (process, input, child)
    }

    private var isReady: Bool {
        (try? Self.run([Self.programs + "/pg_isready", "-q", "-h", directory])) != nil
    }

    static func makeDirectory() throws -> String {
        // Short, because a socket's path may have little over 100 bytes.
        let directory = "/tmp/spanq-pg-" + UUID().uuidString.prefix(13)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        if geteuid() == 0, chown(directory, 65534, 65534) != 0 {
            throw PostgresServerError("cannot give \(directory) away")
        }
        return directory
    }

    private static func run(_ words: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw PostgresServerError("\(words.joined(separator: " ")) failed with \(process.terminationStatus)")
        }
    }
}

/// The template is removed with the process that made it. A global, since `atexit` takes no context.
private nonisolated(unsafe) var leftBehind: String?

private func removeAtExit(_ directory: String) {
    leftBehind = directory
    atexit { if let leftBehind { try? FileManager.default.removeItem(atPath: leftBehind) } }
}
