// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import PostgresClient
import SpanQueue
import SpanQueueCommand
import SpanQueuePostgres

/// The Postgres of `spanq dev`: a cluster of its own, on a Unix socket and on a port of the loopback that asks for a password. Postgres
/// does not run as root: where we do, it runs as nobody.
///
/// A cluster that is removed at the end does not wait for the disk (`fsync=off`); one that is kept does.
struct DevPostgres: Sendable {
    /// For `--engine-url`.
    let url: String
    /// The same by TCP, with its password.
    let loopbackURL: String
    private let program: DevServer.Program
    private let directory: DevDirectory

    /// $1 and $2 are initdb and postgres, $3 the directory, $4 more for initdb; the rest is for postgres. A cluster is made beside, so that
    /// one that was cut short is never taken for whole.
    private static let script = """
        initdb=$1 postgres=$2 home=$3 more=$4
        shift 4
        making=
        trap '[ -z "$making" ] || { kill $making; wait $making; }; exit 1' TERM
        if ! [ -d "$home/data" ]; then
            rm -rf -- "$home/new"
            "$initdb" -D "$home/new" -U spanq --auth-local=trust --auth-host=scram-sha-256 --pwfile="$home/password" \
                -E UTF8 --locale=C $more &
            making=$!
            wait $making || exit 1
            mv -- "$home/new" "$home/data" || exit 1
        fi
        exec "$postgres" -D "$home/data" "$@"
        """

    /// Makes what the server needs, and starts nothing.
    ///
    /// - Parameter folder: where the programs are; nil to look for them.
    /// - Throws: a failure that says what is missing.
    init(in directory: DevDirectory, programs folder: String?) throws {
        self.directory = directory
        let initdb = try Self.find("initdb", in: folder)
        let postgres = try Self.find("postgres", in: folder)
        let home = directory.path + "/postgres"
        guard let port = FreePort.find() else { throw CommandFailure.failed("no port of 127.0.0.1 is free") }
        let socket = "\(home)/.s.PGSQL.\(port)"
        guard socket.utf8.count <= Self.longestSocketPath else {
            throw CommandFailure.usage(
                "the socket's path \(socket) is longer than \(Self.longestSocketPath) bytes: give a shorter --dir")
        }
        let password = try Self.prepare(home)
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-._~/")
        let host = home.addingPercentEncoding(withAllowedCharacters: allowed) ?? home
        url = "postgres://spanq@/postgres?host=\(host)&port=\(port)"
        loopbackURL = "postgres://spanq:\(password)@127.0.0.1:\(port)/postgres"
        var settings = [
            "listen_addresses=127.0.0.1", "port=\(port)", "unix_socket_directories=\"\(home)\"",
            "unix_socket_permissions=0700", "shared_buffers=32MB",
        ]
        if directory.isTemporary { settings += ["fsync=off", "full_page_writes=off"] }
        let asNobody =
            geteuid() == 0
            ? ["setpriv", "--reuid", "\(Self.nobody)", "--regid", "\(Self.nobody)", "--clear-groups"] : []
        program = DevServer.Program(
            name: "postgres",
            words: asNobody
                + [
                    "/bin/sh", "-c", Self.script, "spanq-dev", initdb, postgres, home,
                    directory.isTemporary ? "--no-sync" : "",
                ] + settings.flatMap { ["-c", $0] },
            // The first is heard by initdb, too; the second does not wait for clients.
            stop: "TERM INT", output: directory.logPath)
    }

    /// Starts the server, waits until it takes connections, and makes our schema there or brings it up to date.
    func start(_ options: PostgresEngineOptions) async throws -> DevServer {
        let (url, schema) = try options.checked(url)
        let server = try DevServer(program, in: directory)
        try await server.wait(every: .milliseconds(50)) {
            (try? await PostgresScript.run("SELECT 1", on: url, connectTimeout: .seconds(1))) != nil
        }
        do {
            _ = try await schema.migrate(on: url)
        } catch {
            await server.stop()
            throw error
        }
        return server
    }

    /// Makes the directory of the cluster, which belongs to who runs it, with the password of the port.
    private static func prepare(_ home: String) throws -> String {
        let file = home + "/password"
        do {
            let manager = FileManager.default
            try manager.createDirectory(
                atPath: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            if let password = try? String(contentsOfFile: file, encoding: .utf8), !password.isEmpty { return password }
            let password = (0..<4).map { _ in String(UInt32.random(in: .min ... .max), radix: 36) }.joined()
            guard
                manager.createFile(atPath: file, contents: Data(password.utf8), attributes: [.posixPermissions: 0o600])
            else { throw CocoaError(.fileWriteNoPermission) }
            if geteuid() == 0 {
                guard chown(home, nobody, nobody) == 0, chown(file, nobody, nobody) == 0 else {
                    throw CocoaError(.fileWriteNoPermission)
                }
            }
            return password
        } catch {
            throw CommandFailure.failed("\(home) can't be made for postgres: \(error.localizedDescription)")
        }
    }

    private static func find(_ name: String, in folder: String?) throws(CommandFailure) -> String {
        if let folder {
            let path = DevDirectory.absolute(folder) + "/" + name
            guard FileManager.default.isExecutableFile(atPath: path) else {
                throw .failed("there is no \(name) in \(folder): give --postgres-bin the directory that has it")
            }
            return path
        }
        if let path = Executable.find(name) ?? debian.map({ "\($0)/\(name)" }),
            FileManager.default.isExecutableFile(atPath: path)
        {
            return path
        }
        throw .failed(
            "spanq dev --engine postgres needs \(name), which is neither in PATH nor in \(debianRoot): install it with: "
                + "sudo apt-get install postgresql")
    }

    private static let debianRoot = "/usr/lib/postgresql"

    /// Debian has the programs of each version in a directory of its own, and not in PATH.
    private static let debian: String? = {
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: debianRoot)) ?? []
        return versions.compactMap { Int($0) }.max().map { "\(debianRoot)/\($0)/bin" }
    }()

    /// The user that has no rights.
    private static let nobody: UInt32 = 65534
    /// As `sun_path` has room for, without the zero at the end.
    private static let longestSocketPath = 107
}
