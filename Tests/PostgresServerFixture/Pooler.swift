// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HeldProcess

/// A pgbouncer in transaction mode before a ``PostgresServer``, on a socket of its own. It is held as that is.
///
/// `@unchecked Sendable`: one test owns it, and calls one method at a time.
package final class Pooler: @unchecked Sendable {
    private static let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Whether there is a pgbouncer on this machine.
    package static var isThere: Bool { program != nil }

    package var directory: String { place.path }
    /// For clients.
    package var url: String { PostgresServer.url(directory) }
    private let place: HeldDirectory
    private let held: HeldProcess

    /// - Parameters:
    ///   - connections: to the server, which all clients share.
    ///   - killed: one that was killed, in whose place it comes.
    package static func start(
        for server: PostgresServer, connections: Int, again killed: Pooler? = nil
    ) async throws -> Pooler {
        let pooler = try Pooler(server, connections, in: try killed?.place ?? PostgresServer.makeDirectory())
        let deadline = ContinuousClock.now + .seconds(20)
        while !FileManager.default.fileExists(atPath: pooler.directory + "/.s.PGSQL.5432") {
            guard ContinuousClock.now < deadline else { throw PostgresServerError("pgbouncer does not start") }
            try await Task.sleep(for: .milliseconds(10))
        }
        return pooler
    }

    private init(_ server: PostgresServer, _ connections: Int, in place: HeldDirectory) throws {
        guard let program = Self.program else { throw PostgresServerError("there is no pgbouncer") }
        self.place = place
        let directory = place.path
        let settings = """
            [databases]
            postgres = host=\(server.directory) port=5432 dbname=postgres user=spanq
            [pgbouncer]
            listen_addr =
            listen_port = 5432
            unix_socket_dir = \(directory)
            auth_type = any
            pool_mode = transaction
            default_pool_size = \(connections)
            logfile = \(directory)/log
            """
        try settings.write(toFile: directory + "/pgbouncer.ini", atomically: true, encoding: .utf8)
        held = try PostgresServer.hold([program, directory + "/pgbouncer.ini"])
    }

    /// Ends it at once, and keeps its directory.
    package func kill() {
        held.end()
        try? FileManager.default.removeItem(atPath: directory + "/.s.PGSQL.5432")
    }

    package func stop() {
        held.end()
        place.remove()
    }
}
