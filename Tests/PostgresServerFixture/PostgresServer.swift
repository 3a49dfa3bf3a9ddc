// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HeldProcess

/// A real Postgres of a test's own: a cluster in a temporary directory, on a Unix socket there.
///
/// It cannot outlive the tests, and neither can its directory. Postgres does not run as root: where the tests do, it runs as nobody.
///
/// `@unchecked Sendable`: one test owns it, and calls one method at a time.
package final class PostgresServer: @unchecked Sendable {
    /// Holds the socket, and the cluster in `data`.
    package var directory: String { place.path }
    package var socketPath: String { directory + "/.s.PGSQL.5432" }

    /// For clients, as the superuser `spanq`.
    package var url: String { Self.url(directory) }

    /// - Parameter directory: with a socket in it.
    package static func url(_ directory: String) -> String { "postgres://spanq@/postgres?host=\(directory)" }

    private let settings: [String]
    private let place: HeldDirectory
    private var held: HeldProcess?
    package private(set) var processIdentifier: Int32 = 0

    private static let asNobody =
        geteuid() == 0 ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] : []

    /// `SPANQ_POSTGRES_BIN` names another one.
    private static let programs: String = {
        if let folder = ProcessInfo.processInfo.environment["SPANQ_POSTGRES_BIN"] { return folder }
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        guard let latest = versions.compactMap({ Int($0) }).max() else { return "/usr/bin" }
        return "\(root)/\(latest)/bin"
    }()

    /// Runs one of Postgres' programs on this server, such as `pg_dump`, and gives what it prints.
    package func output(of program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "\(Self.programs)/\(program)")
        process.arguments = ["-h", directory, "-U", "spanq"] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw PostgresServerError("\(program) failed with \(process.terminationStatus)")
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The folder of what `initdb` makes, made once: it takes seconds. It goes with this process, unless it is another's, which
    /// `SPANQ_TEST_POSTGRES_TEMPLATE` names.
    private static let template = Result { () throws -> (path: String, place: HeldDirectory?) in
        if let path = ProcessInfo.processInfo.environment["SPANQ_TEST_POSTGRES_TEMPLATE"] { return (path, nil) }
        let place = try makeDirectory()
        try run(
            asNobody + [
                programs + "/initdb", "-D", place.path + "/data", "-U", "spanq", "-A", "trust", "-E", "UTF8",
                "--locale", "C", "--no-sync",
            ])
        return (place.path, place)
    }

    private init(settings: [String], prepare: (_ directory: String) throws -> Void) throws {
        self.settings = settings
        place = try Self.makeDirectory()
        try prepare(place.path)
        // As its owner, who stays that.
        try Self.run(Self.asNobody + ["cp", "-a", try Self.template.get().path + "/data", directory + "/data"])
    }

    /// A copy of a server, which follows it.
    private init(of primary: PostgresServer) throws {
        settings = primary.settings
        place = try Self.makeDirectory()
        try Self.run(
            Self.asNobody + [
                Self.programs + "/pg_basebackup", "-h", primary.directory, "-U", "spanq", "-D", directory + "/data",
                "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
            ])
    }

    /// Starts a server and waits until it takes connections.
    ///
    /// - Parameters:
    ///   - settings: as `name=value`. Without `fsync=on` nothing waits for the disk.
    ///   - prepare: called with its directory while that is empty.
    package static func start(
        _ settings: [String] = [], prepare: (_ directory: String) throws -> Void = { _ in }
    ) async throws -> PostgresServer {
        let server = try PostgresServer(settings: settings, prepare: prepare)
        try await server.launch()
        return server
    }

    /// Starts a standby, with the settings of its primary, and waits until it takes connections. `pg_promote()` makes a primary of it.
    package static func standby(of primary: PostgresServer) async throws -> PostgresServer {
        let server = try PostgresServer(of: primary)
        try await server.launch()
        return server
    }

    /// `kill -9` of the server's first process; the others end by themselves.
    package func kill() {
        guard processIdentifier > 0 else { return }
        Foundation.kill(processIdentifier, SIGKILL)
        end()
    }

    /// Sends a signal to the server's first process, such as `SIGINT`: end at once, in order.
    package func signal(_ number: Int32) {
        guard processIdentifier > 0 else { return }
        Foundation.kill(processIdentifier, number)
    }

    /// Whether its first process has ended by itself.
    package var hasEnded: Bool { held?.isHeld != true || !isAlive }

    /// The same server again, on the same socket, with what was on disk. After a kill, that is as after a crash.
    package func restart() async throws {
        end()
        try await launch()
    }

    /// Ends the server and removes its directory.
    package func stop() {
        end()
        place.remove()
    }

    private func end() {
        processIdentifier = 0
        held?.end()
        held = nil
    }

    private func launch() async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            try startProcess()
            while ContinuousClock.now < deadline, held?.isHeld == true, isAlive {
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
        let words =
            [Self.programs + "/postgres", "-D", directory + "/data"] + (standard + settings).flatMap { ["-c", $0] }
        let started = try HeldProcess(Self.asNobody + words, endedBy: "QUIT")
        (held, processIdentifier) = (started, started.processIdentifier)
    }

    private var isReady: Bool {
        (try? Self.run([Self.programs + "/pg_isready", "-q", "-h", directory])) != nil
    }

    static func makeDirectory() throws -> HeldDirectory {
        let place = try HeldDirectory("spanq-pg")
        if geteuid() == 0, chown(place.path, 65534, 65534) != 0 {
            throw PostgresServerError("cannot give \(place.path) away")
        }
        return place
    }

    /// Pgbouncer, too, does not run as root.
    static func hold(_ words: [String]) throws -> HeldProcess { try HeldProcess(asNobody + words) }

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
