// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Logging
import SpanQueue
import SpanQueueAdmin
import SpanQueueServer
import SpanQueueWeb

/// Where the REST interface is served, and what of it.
struct WebChoice {
    var listen: ListenChoice
    let isReadOnly: Bool

    /// A server that listens; one that does nothing where the default address is taken and no other is to be had.
    ///
    /// - Throws: a failure where the address was asked for and can't be had.
    func start(_ queue: JobQueue, logger: Logger) throws -> WebServer {
        func started(_ address: ListenAddress) throws(SpanQueueError) -> WebServer {
            let server = try WebServer(address, admin: Admin(queue), isReadOnly: isReadOnly, logger: logger)
            try server.start()
            return server
        }
        do throws(SpanQueueError) {
            return try started(listen.address)
        } catch {
            let exit = CommandExit(error.code)
            let failure = CommandFailure(code: exit == .unreachable ? .addressTaken : exit, message: error.message)
            guard !listen.isGiven, case .tcp(let host, _) = listen.address else { throw failure }
            if listen.whenTaken == .takeAnother {
                do throws(SpanQueueError) { return try started(.tcp(host: host, port: 0)) } catch { throw failure }
            }
            logger.warning("not serving the REST interface: \(error.message)")
            return try WebServer(.off, admin: Admin(queue), logger: logger)
        }
    }
}

extension SettingsReader {
    /// Reads where the REST interface is served.
    ///
    /// - Throws: a failure for an address that can be reached from outside, before anything is connected.
    mutating func web() throws -> WebChoice {
        WebChoice(
            listen: try listen(.web, default: WebServer.standardAddress, check: WebServer.check),
            isReadOnly: try flag(.webReadOnly))
    }
}

/// The flags of the REST interface.
struct WebOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where to serve the REST interface, on this machine alone; 127.0.0.1:9465 unless given, 'none' not at all.",
            valueName: "host:port"))
    var web: String?

    @Flag(help: "Serve only what shows, and nothing that changes anything.")
    var webReadOnly = false

    var flags: [Setting: String?] { [.web: web, .webReadOnly: webReadOnly ? "true" : nil] }
}
