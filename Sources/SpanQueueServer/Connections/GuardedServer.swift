// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import HTTPTypes
package import HummingbirdCore
package import Logging
package import NIOCore
package import NIOHTTP1
internal import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1
internal import NIOPosix
internal import ServiceLifecycle
package import SpanQueueLoop

#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// Answers HTTP on a socket that listens, and holds each connection to its limits.
///
/// Hummingbird's own server binds its address only when it runs; this one must have it before the workers start.
package struct GuardedServer: Sendable {
    package typealias Responder = @Sendable (Request, any Channel) async -> Response
    /// Makes what a connection may be upgraded by, with its first request; one for each connection, on its event loop.
    package typealias Upgrade = @Sendable () -> any HTTPServerProtocolUpgrader

    private let limits: ConnectionLimits
    private let logger: Logger
    private let upgrade: Upgrade?
    private let respond: Responder

    package init(
        limits: ConnectionLimits, logger: Logger, upgrade: Upgrade? = nil, respond: @escaping Responder
    ) {
        self.limits = limits
        self.logger = logger
        self.upgrade = upgrade
        self.respond = respond
    }

    /// More than any scraper or browser sends.
    private static let maximumHeaderBytes = 16 << 10
    private static let maximumHeaders = 100
    /// What the kernel may hold of an answer, in place of the megabytes to which it would let this grow.
    private static let sendBufferBytes: ChannelOptions.Types.SocketOption.Value = 128 << 10

    /// Answers until a graceful shutdown.
    ///
    /// - Parameters:
    ///   - descriptor: a socket that listens.
    ///   - thread: where requests are answered.
    ///   - onStop: called when the shutdown begins.
    package func serve(
        _ descriptor: CInt, on thread: LoopThread, onStop: @escaping @Sendable () -> Void
    ) async throws {
        try await withTaskExecutorPreference(thread) { try await run(descriptor, on: thread, onStop: onStop) }
    }

    private func run(
        _ descriptor: CInt, on thread: LoopThread, onStop: @escaping @Sendable () -> Void
    ) async throws {
        let connections = Connections(limits)
        let http = channel(connections)
        let logger = logger
        let upgrade = upgrade
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
            .childChannelOption(ChannelOptions.socketOption(.so_sndbuf), value: Self.sendBufferBytes)
            .bind(descriptor) { channel in
                http.setup(channel: channel, logger: logger).flatMapThrowing { connection in
                    let pipeline = channel.pipeline.syncOperations
                    let codec = try pipeline.context(handlerType: HTTP1ToHTTPServerCodec.self).handler
                    let rules = RequestHeadRules()
                    try pipeline.addHandler(rules, position: .before(codec))
                    if let upgrade { try Self.add(upgrade(), behind: rules, to: pipeline) }
                    return connection
                }
            }
        // Closing the connections is what ends their tasks, also when this task is cancelled.
        defer { connections.closeAll() }
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await accept(server, http, connections, on: thread)
            } onGracefulShutdown: {
                onStop()
                server.channel.close(promise: nil)
            }
        } onCancel: {
            connections.closeAll()
        }
    }

    /// What stands in front of it goes with an upgrade; what stands behind it stays, and hears nothing any more.
    private static func add(
        _ upgrader: any HTTPServerProtocolUpgrader, behind rules: RequestHeadRules,
        to pipeline: ChannelPipeline.SynchronousOperations
    ) throws {
        let handler = HTTPServerUpgradeHandler(
            upgraders: [upgrader], httpEncoder: try pipeline.handler(type: HTTPResponseEncoder.self),
            extraHTTPHandlers: [try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self), rules]
        ) { context in
            let pipeline = context.pipeline.syncOperations
            do {
                try pipeline.handler(type: ConnectionGuard.self)
                    .beginStream(pipeline.context(handlerType: ConnectionGuard.self))
            } catch {
                context.close(promise: nil)
            }
        }
        try pipeline.addHandler(handler, position: .after(rules))
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

    private func channel(_ connections: Connections) -> HTTP1Channel {
        let respond = respond
        return HTTP1Channel(
            responder: { request, writer, channel in
                var response = await respond(request, channel)
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

/// A moment as the `Date` header writes it (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func now() -> String { format(time(nil)) }

    static func format(_ seconds: time_t) -> String {
        var seconds = seconds
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let time = [parts.tm_hour, parts.tm_min, parts.tm_sec].map(twoDigits).joined(separator: ":")
        let date = "\(twoDigits(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(1900 + Int(parts.tm_year))"
        return "\(days[Int(parts.tm_wday)]), \(date) \(time) GMT"
    }

    private static func twoDigits(_ number: CInt) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
