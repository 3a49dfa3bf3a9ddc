internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1
internal import NIOPosix
internal import ServiceLifecycle
internal import SpanQueue
internal import SpanQueueLoop

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
