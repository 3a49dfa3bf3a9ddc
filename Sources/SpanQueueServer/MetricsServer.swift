internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
public import Logging
internal import NIOCore
internal import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1
internal import NIOPosix
public import ServiceLifecycle
public import SpanQueue
internal import SpanQueueLoop
public import SpanQueueTelemetry
internal import Synchronization

/// The HTTP server of a process: /metrics, /livez, /readyz and /stats.
///
/// ```swift
/// let server = MetricsServer(registry: registry, health: health) { try await QueueStatistics.read(queue) }
/// try await server.start()                       // a taken port is an error here, before any job is claimed
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
    let statistics: (@Sendable () async throws -> QueueStatistics)?
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
    ///   - health: what /livez and /readyz ask; without checks they answer 200.
    ///   - limits: what a client may cost.
    ///   - logger: told when the server listens, and when others than this machine can reach it.
    ///   - statistics: what /stats answers, asked at most once at a time and for at most 2 seconds; nil for no such path.
    public init(
        address: ListenAddress = .standard, registry: MetricsRegistry, health: HealthChecks = HealthChecks(),
        limits: ConnectionLimits = ConnectionLimits(), logger: Logger = Logger(label: "spanqueue.server"),
        statistics: (@Sendable () async throws -> QueueStatistics)? = nil
    ) {
        self.address = address
        self.registry = registry
        self.health = health
        self.limits = limits
        self.logger = logger
        self.statistics = statistics
    }

    /// The port it listens on, also where port 0 was asked for; nil before `start()`, and where it is off.
    public var port: Int? { state.withLock { $0.socket?.port } }

    /// Where it listens, with the port that it has; nil before `start()`, and where it is off.
    public var listening: ListenAddress? {
        guard case .tcp(let host, _) = address, let port else { return nil }
        return .tcp(host: host, port: port)
    }

    /// Starts to listen, so that a port that can't be had is known at once; requests are answered once `run()` runs. Does
    /// nothing when called again.
    ///
    /// - Throws: `.unavailable` for a port that is taken, `.denied`, or `.invalidArgument`; each says how to choose another.
    public func start() throws(SpanQueueError) {
        guard case .tcp(let host, let port) = address else { return }
        let isNew = try state.withLock { (state) throws(SpanQueueError) in
            guard state.socket == nil else { return false }
            state.socket = try ListeningSocket.open(host: host, port: port)
            return true
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
    /// More than any scraper or browser sends.
    private static let maximumHeaderBytes = 16 << 10
    private static let maximumHeaders = 100
    /// What the kernel may hold of an answer, in place of the megabytes to which it would let this grow.
    private static let sendBufferBytes: ChannelOptions.Types.SocketOption.Value = 128 << 10

    /// Answers on a socket that listens, until a graceful shutdown.
    ///
    /// Hummingbird's own server binds its address only when it runs; this one must have it before the workers start.
    ///
    /// Requests are answered on a thread of their own, because handlers of jobs may block every thread of the global pool, and a
    /// process that is busy must still show it. Pages are written on another: a large one takes a while, and meanwhile those who
    /// ask for it are to share it, and health is to be told.
    func serve(_ descriptor: CInt) async throws {
        let thread = LoopThread(name: "spanq-http")
        let pages = LoopThread(name: "spanq-pages")
        defer {
            thread.stop()
            pages.stop()
        }
        try await withTaskExecutorPreference(thread) { try await serve(descriptor, on: thread, pagesOn: pages) }
    }

    private func serve(_ descriptor: CInt, on thread: LoopThread, pagesOn pages: LoopThread) async throws {
        let connections = Connections(limits)
        let http = channel(connections, on: thread, pagesOn: pages)
        let logger = logger
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
            .childChannelOption(ChannelOptions.socketOption(.so_sndbuf), value: Self.sendBufferBytes)
            .bind(descriptor) { channel in
                http.setup(channel: channel, logger: logger).flatMapThrowing { connection in
                    let pipeline = channel.pipeline.syncOperations
                    let codec = try pipeline.context(handlerType: HTTP1ToHTTPServerCodec.self).handler
                    try pipeline.addHandler(RequestHeadRules(), position: .before(codec))
                    return connection
                }
            }
        // Closing the connections is what ends their tasks, also when this task is cancelled.
        defer { connections.closeAll() }
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await accept(server, http, connections, on: thread)
            } onGracefulShutdown: {
                self.beginDraining()
                server.channel.close(promise: nil)
            }
        } onCancel: {
            connections.closeAll()
        }
    }

    private func accept(
        _ server: NIOAsyncChannel<HTTP1Channel.Value, Never>, _ http: HTTP1Channel, _ connections: Connections,
        on thread: LoopThread
    ) async {
        let logger = logger
        await withDiscardingTaskGroup { group in
            do {
                try await server.executeThenClose { inbound in
                    for try await connection in inbound {
                        group.addTask { await http.handle(value: connection, logger: logger) }
                    }
                }
            } catch is CancellationError {
            } catch {
                logger.error("no more connections are accepted", metadata: ["error": "\(error)"])
            }
            connections.beginClosing()
            await Self.wait(atMost: limits.closingTimeout, on: thread) { connections.count == 0 }
            connections.closeAll()
        }
    }

    /// Waits until something is so; connections end on other threads, and a stop is rare enough to look again and again.
    private static func wait(atMost limit: Duration, on thread: LoopThread, until isDone: () -> Bool) async {
        let end = ContinuousClock.now + limit
        while !isDone(), ContinuousClock.now < end {
            do { try await thread.sleep(for: .milliseconds(5)) } catch { return }
        }
    }

    private func channel(
        _ connections: Connections, on thread: LoopThread, pagesOn pages: LoopThread
    ) -> HTTP1Channel {
        let responder = Routes.responder(
            registry: registry, health: health, isDraining: { self.isDraining }, statistics: statistics,
            on: thread, pagesOn: pages)
        let logger = logger
        return HTTP1Channel(
            responder: { request, writer, channel in
                let context = BasicRequestContext(
                    source: ApplicationRequestContextSource(channel: channel, logger: logger))
                var response: Response
                do {
                    response = try await responder.respond(to: request, context: context)
                } catch {
                    logger.error("a request could not be answered", metadata: ["error": "\(error)"])
                    response = RequestRules.line(.internalServerError, "this is a mistake of the server; see its log")
                }
                response.headers[.date] = HTTPDate.now()
                try await writer.write(response: response.head, body: response.body)
            },
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [ConnectionGuard(connections)],
                httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
                    maxHeaderFieldSize: Self.maximumHeaderBytes, maxHeaderListSize: Self.maximumHeaderBytes,
                    maxHeaderFieldCount: Self.maximumHeaders)))
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
