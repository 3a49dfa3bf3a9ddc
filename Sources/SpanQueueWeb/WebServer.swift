// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Foundation
package import Logging
internal import NIOCore
internal import ServiceLifecycle
package import SpanQueue
package import SpanQueueAdmin
internal import SpanQueueLoop
package import SpanQueueServer
internal import Synchronization

/// The pages and the REST interface of a process, on an address of its own.
///
/// Without a file of users whoever reaches it may do everything: it refuses an address that others than this machine can reach.
package final class WebServer: Service, Sendable {
    /// `127.0.0.1:9465`.
    package static let standardAddress = ListenAddress.tcp(host: "127.0.0.1", port: 9465)

    private let address: ListenAddress
    private let desk: BulkDesk
    private let responder: @Sendable (LoopThread) -> Responder
    private let limits: ConnectionLimits
    private let logger: Logger
    private let socket = Mutex<ListeningSocket?>(nil)

    /// Makes a server; it listens from `start()` on.
    ///
    /// - Parameters:
    ///   - address: where to listen; `.off` makes a server that does nothing.
    ///   - access: who may come, and what is kept from them.
    /// - Throws: `.invalidArgument` for an address that others than this machine can reach while nobody has to say who they are, and
    ///   for a file of users that can't be used.
    package convenience init(
        _ address: ListenAddress, admin: Admin, access: WebAccess = WebAccess(),
        limits: ConnectionLimits = .pages, logger: Logger
    ) throws(SpanQueueError) {
        try self.init(address, admin: admin, access: access, limits: limits, live: LiveLimits(), logger: logger)
    }

    /// The same with other times for what is live.
    init(
        _ address: ListenAddress, admin: Admin, access: WebAccess = WebAccess(),
        limits: ConnectionLimits = .pages, live: LiveLimits, logger: Logger
    ) throws(SpanQueueError) {
        try Self.check(address, access)
        self.address = address
        self.limits = limits
        self.logger = logger
        var hosts = RequestGuard.ownHosts.union(access.hosts.map { $0.lowercased() })
        if let host = address.tcp?.host { hosts.insert(host.contains(":") ? "[\(host)]" : host.lowercased()) }
        var admin = admin
        admin.redaction = access.redaction
        let ours = hosts
        let gate = try Gate(access, logger: logger)
        var live = live
        if gate.hasUsers { live.viewersOfOne = live.viewersOfOne ?? LiveLimits.viewersOfOneUser }
        let (liveLimits, redaction) = (live, access.redaction)
        let desk = BulkDesk()
        self.desk = desk
        responder = { [admin] thread in
            let source = LiveSource(admin) { try await thread.sleep(for: $0) }
            return Responder(
                admin: admin, gate: gate, hosts: ours, redaction: redaction, ancestors: access.frameAncestors,
                desk: desk,
                routes: access.isReadOnly ? Routes.all.filter { !$0.isWrite } : Routes.all,
                live: LiveHub(source, limits: liveLimits, mask: { redaction.maskedAnswer($0) }, logger: logger),
                logger: logger)
        }
    }

    /// Says whether it may listen there.
    ///
    /// - Throws: `.invalidArgument` for an address that others than this machine can reach while nobody has to say who they are.
    package static func check(_ address: ListenAddress, _ access: WebAccess) throws(SpanQueueError) {
        guard address.isLoopback || access.users != nil else {
            throw SpanQueueError(
                .invalidArgument,
                "\(address) can be reached from outside this machine: say with --web-users FILE who may do what, or use 127.0.0.1"
            )
        }
        try access.check()
    }

    /// Where it listens, with the port that it has; nil before `start()`, and where it is off.
    package var listening: ListenAddress? {
        socket.withLock { $0?.port }.map { address.with(port: $0) }
    }

    /// Starts to listen, so that a port that can't be had is known at once. Does nothing when called again.
    ///
    /// - Throws: `.unavailable` for a port that is taken, `.denied`, or `.invalidArgument`.
    package func start() throws(SpanQueueError) {
        let isNew = try socket.withLock { (socket) throws(SpanQueueError) -> Bool in
            guard socket == nil else { return false }
            socket = try ListeningSocket.open(address, option: "--web")
            return socket != nil
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
        let responder = responder(thread)
        let isUnix = address.unixPath != nil
        // One of whom nothing is known is trusted by nobody.
        let peer: @Sendable (any Channel) -> String? = { isUnix ? nil : $0.remoteAddress?.ipAddress ?? "unknown" }
        let server = GuardedServer(
            limits: limits, logger: logger, upgrade: { LiveUpgrader(responder, peer: peer) },
            respond: { await responder.respond(to: $0, from: peer($1), on: $1) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask(executorPreference: thread) { await responder.live.run() }
            group.addTask { [desk] in await desk.run() }
            // What is under way ends with its next step.
            defer { group.cancelAll() }
            try await server.serve(descriptor, on: thread) { responder.live.stop() }
        }
    }
}

extension ConnectionLimits {
    /// Browsers open six connections each, all at once where a server is back: room for eighty of them.
    package static var pages: ConnectionLimits {
        var limits = ConnectionLimits()
        limits.maximumConnections = 512
        return limits
    }
}
