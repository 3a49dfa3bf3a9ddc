// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Hummingbird
public import Logging
public import ServiceLifecycle
public import SpanQueue
internal import SpanQueueLoop
public import SpanQueueTelemetry
internal import Synchronization

/// The HTTP server of a process: /metrics, /livez, /readyz and /stats.
///
/// ```swift
/// let server = MetricsServer(registry: registry, ready: [.engine(queue)], queue: queue)
/// try server.start()                             // a taken port is an error here, before any job is claimed
/// ServiceGroup(services: [server, worker, server.drainNotice], …)
/// ```
///
/// Services stop in reverse order: the notice last in the list makes /readyz say 503 as soon as the stop begins, and the server
/// first in the list answers until all others are done.
public final class MetricsServer: Service, Sendable {
    /// Where it was told to listen.
    public let address: ListenAddress
    let limits: ConnectionLimits
    let logger: Logger
    let registry: MetricsRegistry
    let health: HealthChecks
    let queue: JobQueue?
    private let state = Mutex(State())

    private struct State {
        var socket: ListeningSocket?
        var isDraining = false
    }

    /// Makes a server; it listens from `start()` on.
    ///
    /// - Parameters:
    ///   - address: where to listen; `.off` makes a server that does nothing.
    ///   - registry: what /metrics shows.
    ///   - live: what /livez asks; without checks it answers 200. A process that fails here is to be restarted, so nothing belongs here
    ///     that a restart can't fix; an engine that is down does not.
    ///   - ready: what /readyz asks, beside whether the process is draining; without checks it answers 200.
    ///   - queue: whose queues /stats shows, read at most once at a time and for at most 2 seconds; nil for no such path.
    ///   - logger: told when the server listens, and when others than this machine can reach it.
    public convenience init(
        address: ListenAddress = .standard, registry: MetricsRegistry, live: [HealthCheck] = [],
        ready: [HealthCheck] = [], queue: JobQueue? = nil, logger: Logger = Logger(label: "spanqueue.server")
    ) {
        self.init(
            address: address, registry: registry, health: HealthChecks(live: live, ready: ready), queue: queue,
            limits: ConnectionLimits(), logger: logger)
    }

    /// - Parameter limits: what a client may cost.
    package init(
        address: ListenAddress, registry: MetricsRegistry, health: HealthChecks, queue: JobQueue?,
        limits: ConnectionLimits, logger: Logger
    ) {
        self.address = address
        self.registry = registry
        self.health = health
        self.limits = limits
        self.logger = logger
        self.queue = queue
    }

    /// The port it listens on, also where port 0 was asked for, 0 for a Unix socket; nil before `start()`, and where it is off.
    public var port: Int? { state.withLock { $0.socket?.port } }

    /// Where it listens, with the port that it has; nil before `start()`, and where it is off.
    public var listening: ListenAddress? {
        port.map { address.with(port: $0) }
    }

    /// Starts to listen, so that a port that can't be had is known at once; requests are answered once `run()` runs. Does
    /// nothing when called again.
    ///
    /// - Throws: `.unavailable` for a port that is taken, `.denied`, or `.invalidArgument`; each says how to choose another.
    public func start() throws(SpanQueueError) {
        let isNew = try state.withLock { (state) throws(SpanQueueError) in
            guard state.socket == nil else { return false }
            state.socket = try ListeningSocket.open(address)
            return state.socket != nil
        }
        guard isNew else { return }
        let reached = listening ?? address
        logger.info("serving /metrics", metadata: ["address": "\(reached)"])
        if !address.isLoopback {
            logger.warning(
                "/metrics and /stats can be reached from outside this machine, by anyone and unencrypted: use 127.0.0.1 unless that is meant",
                metadata: ["address": "\(reached)"])
        }
    }

    /// Serves until a graceful shutdown, then lets answers under way end, for at most a second.
    ///
    /// - Throws: what `start()` throws; `.invalidState` when it has run before.
    public func run() async throws {
        try start()
        guard let socket = state.withLock({ $0.socket }) else {
            try? await gracefulShutdown()
            return
        }
        guard let descriptor = socket.take() else {
            throw SpanQueueError(.invalidState, "a server runs once: make another")
        }
        try await serve(descriptor)
    }

    /// Makes /readyz answer 503 from now on; everything else goes on.
    public func beginDraining() {
        state.withLock { $0.isDraining = true }
    }

    /// Whether /readyz says so.
    public var isDraining: Bool { state.withLock { $0.isDraining } }

    /// A service that calls `beginDraining()` when a graceful shutdown reaches it. List it last: then it is the first to know.
    public var drainNotice: some Service { DrainNotice(server: self) }
}

extension MetricsServer {
    /// Answers on a socket that listens, until a graceful shutdown.
    ///
    /// Requests are answered on a thread of their own, because handlers of jobs may block every thread of the global pool, and a
    /// process that is busy must still show it. Pages are written on another: a large one takes a while, and meanwhile those who
    /// ask for it are to share it, and health is to be told.
    private func serve(_ descriptor: CInt) async throws {
        let thread = LoopThread(name: "spanq-http")
        let pages = LoopThread(name: "spanq-pages")
        defer {
            thread.stop()
            pages.stop()
        }
        let responder = Routes.responder(
            registry: registry, health: health, isDraining: { self.isDraining }, queue: queue,
            on: thread, pagesOn: pages)
        let logger = logger
        let server = GuardedServer(limits: limits, logger: logger) { request, channel in
            let context = BasicRequestContext(
                source: ApplicationRequestContextSource(channel: channel, logger: logger))
            do {
                return try await responder.respond(to: request, context: context)
            } catch {
                logger.error("a request could not be answered", metadata: ["error": "\(error)"])
                return RequestRules.line(.internalServerError, "this is a bug in the server; see its log")
            }
        }
        try await server.serve(descriptor, on: thread) { self.beginDraining() }
    }
}

/// Tells the server that the process is about to stop.
struct DrainNotice: Service {
    let server: MetricsServer

    func run() async throws {
        try? await gracefulShutdown()
        server.beginDraining()
    }
}

extension SharedRun {
    /// A run that has the server's thread, with its deadline.
    convenience init(
        deadline: Duration, on thread: LoopThread, _ work: @escaping @Sendable () async throws -> Value
    ) {
        self.init(deadline: deadline, on: thread as any TaskExecutor, sleep: { try await thread.sleep(for: $0) }, work)
    }
}
