// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import GRPCCore
package import GRPCNIOTransportHTTP2Posix
package import Logging
import NIOCore
package import ServiceLifecycle
package import SpanQueue
import SpanQueueLoop
package import SpanQueueServer
import SpanQueueTelemetry
import Synchronization

/// The settings of a `Gateway`.
package struct GatewayConfiguration: Sendable {
    /// Where it listens; a port of 0 takes a free one.
    package var address: ListenAddress
    /// How long streams may go on after a stop has begun.
    package var drainTimeout = Duration.seconds(25)
    /// Plain, or with certificates.
    package var security: HTTP2ServerTransport.Posix.TransportSecurity = .plaintext
    /// How old a connection gets before its client is told to make another, so that clients spread over new gateways; nil for no bound.
    package var connectionAge: Duration?
    /// For how long nothing may come on a connection. Longer than a ping and its answer take: these are 20 and 10 seconds.
    package var silence = Duration.seconds(35)
    /// What every call goes through, the first outermost.
    package var interceptors: [any ServerInterceptor] = []
    /// Bounds how many connections there are; nil for no bound.
    package var connections: ConnectionLimit?
    /// Services beside `Producer` and `Worker`.
    package var services: [any RegistrableRPCService] = []
    /// What those need that runs beside them, until the gateway has ended.
    package var companions: [any Service] = []

    package static let standardAddress = ListenAddress.tcp(host: "127.0.0.1", port: 9466)

    package init(address: ListenAddress = standardAddress) {
        self.address = address
    }
}

/// Serves producers and workers of any language by gRPC.
///
/// A graceful shutdown drains it: no jobs are claimed any more, every stream is told and has `drainTimeout` to end, then the connections
/// are closed, within three seconds.
package final class Gateway: Service, Sendable {
    private let queue: JobQueue
    private let configuration: GatewayConfiguration
    private let metrics: GatewayMetrics
    private let logger: Logger
    private let socket = Mutex<ListeningSocket?>(nil)

    /// How long connections may take to close when all streams have ended.
    private static let lastConnections = Duration.seconds(3)

    /// - Parameter queue: connected by the time that this runs.
    /// - Throws: where the registry of the queue's telemetry has no room for the gateway's metrics.
    package init(_ queue: JobQueue, _ configuration: GatewayConfiguration, logger: Logger) throws {
        self.queue = queue
        self.configuration = configuration
        self.logger = logger
        metrics = try GatewayMetrics(queue.telemetry.registry)
    }

    /// The port it listens on, also where port 0 was asked for; nil before `start()`.
    package var port: Int? { socket.withLock { $0?.port } }

    /// Starts to listen, so that a port that can't be had is an error before anything else begins.
    ///
    /// - Throws: `.unavailable` for a port that is taken, `.denied`, `.invalidArgument`.
    package func start() throws(SpanQueueError) {
        let address = configuration.address
        try socket.withLock { (socket) throws(SpanQueueError) in
            guard socket == nil else { return }
            socket = try ListeningSocket.open(address)
        }
    }

    package func run() async throws {
        try start()
        guard let descriptor = socket.withLock({ $0?.take() }) else {
            throw SpanQueueError(.invalidState, "a gateway runs once: make another")
        }
        let engine = try await queue.engine
        let core = GatewayCore(queue, engine: engine, metrics: metrics, logger: logger)
        let server = GRPCServer(
            transport: HTTP2ServerTransport.Posix(
                listeningSocketDescriptor: Int(descriptor), transportSecurity: configuration.security,
                config: transportConfiguration),
            services: [ProducerService(queue: queue), WorkerService(core: core)] + configuration.services,
            interceptors: configuration.interceptors)
        logger.info(
            "serving gRPC", metadata: ["address": "\(configuration.address.with(port: port ?? 0))"])
        let limit = configuration.drainTimeout
        // Calls run where the core does: nobody has to be woken for what they ask of it, and no handler of jobs is in this process.
        try await withTaskExecutorPreference(core.thread) {
            try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    try await server.serve()
                    return true
                }
                group.addTask {
                    await core.run()
                    return false
                }
                for companion in configuration.companions {
                    group.addTask {
                        try await companion.run()
                        return false
                    }
                }
                group.addTask {
                    do { try await gracefulShutdown() } catch { return false }
                    await core.drain(within: limit)
                    server.beginGracefulShutdown()
                    // Who answers nothing, or does not read, would keep the process for half a minute.
                    do { try await core.thread.sleep(for: Self.lastConnections) } catch { return false }
                    self.logger.notice("connections are cut: their clients did not close them")
                    return true
                }
                let result: Result<Void, any Error>
                do {
                    while let isOver = try await group.next(), !isOver {}
                    result = .success(())
                } catch {
                    result = .failure(error)
                }
                await core.stop()
                group.cancelAll()
                do { while try await group.next() != nil {} } catch {}
                try result.get()
            }
        }
    }

    private var transportConfiguration: HTTP2ServerTransport.Posix.Config {
        .defaults { config in
            config.http2.maxConcurrentStreams = StreamLimits.streamsPerConnection
            // A batch in one go.
            config.http2.targetWindowSize = 1 << 20
            // Over its limit the transport ends a stream without a word.
            config.rpc.maxRequestPayloadSize = 2 * StreamLimits.messageBytes
            config.channelDebuggingCallbacks.onAcceptTCPConnection = { [configuration] channel in
                guard configuration.connections?.accepts(channel) ?? true else { return channel.close() }
                return SilenceLimit.watch(channel, configuration.silence)
            }
            config.connection.maxAge = configuration.connectionAge
            config.connection.maxGraceTime = .seconds(5)
            config.connection.keepalive.time = .seconds(20)
            config.connection.keepalive.timeout = .seconds(10)
            config.connection.keepalive.clientBehavior.minPingIntervalWithoutCalls = .seconds(10)
            config.connection.keepalive.clientBehavior.allowWithoutCalls = true
            // Messages are gathered above it.
            config.connection.flushCoalescing = nil
        }
    }
}
