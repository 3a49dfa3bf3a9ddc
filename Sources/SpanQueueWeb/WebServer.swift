// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging
internal import ServiceLifecycle
package import SpanQueue
package import SpanQueueAdmin
internal import SpanQueueLoop
package import SpanQueueServer
internal import Synchronization

/// The REST interface of a process, under `/api/v1`, on an address of its own.
///
/// Whoever reaches it may do everything, so it is for this machine alone: it refuses any other address.
package final class WebServer: Service, Sendable {
    /// `127.0.0.1:9465`.
    package static let standardAddress = ListenAddress.tcp(host: "127.0.0.1", port: 9465)

    private let address: ListenAddress
    private let responder: Responder
    private let limits: ConnectionLimits
    private let logger: Logger
    private let socket = Mutex<ListeningSocket?>(nil)

    /// Makes a server; it listens from `start()` on.
    ///
    /// - Parameters:
    ///   - address: where to listen; `.off` makes a server that does nothing.
    ///   - isReadOnly: whether it only shows, and has no way to do anything.
    /// - Throws: `.invalidArgument` for an address that others than this machine can reach.
    package init(
        _ address: ListenAddress, admin: Admin, isReadOnly: Bool = false,
        limits: ConnectionLimits = ConnectionLimits(), logger: Logger
    ) throws(SpanQueueError) {
        try Self.check(address)
        self.address = address
        self.limits = limits
        self.logger = logger
        let scopes: Set<Scope> = isReadOnly ? [.read, .payload] : Set(Scope.allCases)
        responder = Responder(
            admin: admin, principal: Principal(name: "local", way: .api, scopes: scopes),
            routes: isReadOnly ? Routes.all.filter { !$0.isWrite } : Routes.all, logger: logger)
    }

    /// Says whether it may listen there.
    ///
    /// - Throws: `.invalidArgument` for an address that others than this machine can reach.
    package static func check(_ address: ListenAddress) throws(SpanQueueError) {
        guard address.isLoopback else {
            throw SpanQueueError(
                .invalidArgument,
                "\(address) can be reached from outside this machine, and there is no authentication yet: use 127.0.0.1, or a tunnel"
            )
        }
    }

    /// Where it listens, with the port that it has; nil before `start()`, and where it is off.
    package var listening: ListenAddress? {
        guard case .tcp(let host, _) = address, let port = socket.withLock({ $0?.port }) else { return nil }
        return .tcp(host: host, port: port)
    }

    /// Starts to listen, so that a port that can't be had is known at once. Does nothing when called again.
    ///
    /// - Throws: `.unavailable` for a port that is taken, `.denied`, or `.invalidArgument`.
    package func start() throws(SpanQueueError) {
        guard case .tcp(let host, let port) = address else { return }
        let isNew = try socket.withLock { (socket) throws(SpanQueueError) -> Bool in
            guard socket == nil else { return false }
            socket = try ListeningSocket.open(host: host, port: port, option: "--web")
            return true
        }
        guard isNew else { return }
        logger.info("serving the pages and the REST interface", metadata: ["address": "\(listening ?? address)"])
    }

    /// Serves until a graceful shutdown, then lets answers under way end.
    package func run() async throws {
        try start()
        guard let socket = socket.withLock({ $0 }) else {
            try? await gracefulShutdown()
            return
        }
        guard let descriptor = socket.take() else {
            throw SpanQueueError(.invalidState, "a server runs once: make another")
        }
        let thread = LoopThread(name: "spanq-web")
        defer { thread.stop() }
        let responder = responder
        let server = GuardedServer(limits: limits, logger: logger) { request, _ in await responder.respond(to: request)
        }
        try await server.serve(descriptor, on: thread) {}
    }
}
