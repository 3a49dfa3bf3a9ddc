// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import Logging
import ServiceLifecycle
package import SpanQueue
import SpanQueueAdmin
import SpanQueueGateway
import SpanQueueProto
import SpanQueueServer
import SpanQueueTelemetry
import Synchronization

/// An engine that is asked through a gateway: what the suites ask of an engine goes over gRPC to a gateway in this process, and from there to
/// the engine behind it.
///
/// The protocol is made for programs of other languages, and has not a word for all that an engine is asked. This is all of the rest:
///
/// - **Calls.** What no rpc does goes to the engine behind, see `GatewayEngine+Direct`: upkeep, wake-ups, workers that make themselves known,
///   reports, steps of actions on many jobs.
/// - **Words.** What a call has no field for is put in or read behind the gateway, see `EngineTap`: digests, fingerprints, short leases, and
///   what a claim tells of its queue.
/// - **Histories.** A record's history is read from the engine behind. What the gateway tells of a job is compared with it.
package final class GatewayEngine: JobStore, JobSource, JobInspector, JobOperator, JobKeeper, JobSearcher {
    package let name = "gateway"
    /// The engine behind the gateway.
    package let behind: any Engine
    let tap: EngineTap
    /// Whether somebody else starts it and shuts it down.
    private let isRunning: Bool
    private let wires = Mutex<Wires?>(nil)

    /// A gateway, and a client of it.
    struct Wires: Sendable {
        fileprivate let queue: JobQueue
        fileprivate let group: ServiceGroup
        fileprivate let serving: Task<Void, any Error>
        fileprivate let client: GRPCClient<HTTP2ClientTransport.Posix>
        fileprivate let connections: Task<Void, any Error>

        var producer: Wire.Producer.Client<HTTP2ClientTransport.Posix> { .init(wrapping: client) }
        var worker: Wire.Worker.Client<HTTP2ClientTransport.Posix> { .init(wrapping: client) }
        var admin: Spanqueue_V1_Admin.Client<HTTP2ClientTransport.Posix> { .init(wrapping: client) }
    }

    /// - Parameters:
    ///   - behind: what the gateway works on.
    ///   - isRunning: whether it has started, and is shut down by somebody else.
    package init(_ behind: any Engine, isRunning: Bool = false) {
        self.behind = behind
        self.isRunning = isRunning
        tap = EngineTap(behind)
    }

    /// Starts the engine behind, a gateway on a free port, and a client.
    package func start() async throws {
        if !isRunning { try await behind.start() }
        do {
            let wires = try await open()
            self.wires.withLock { $0 = wires }
        } catch {
            if !isRunning { await behind.shutdown() }
            throw error
        }
    }

    private func open() async throws -> Wires {
        var logger = Logger(label: "gateway-engine")
        logger.logLevel = .critical
        let tap = tap
        let queue = try JobQueue(engine: EngineSource { _ in tap }, telemetry: JobTelemetry(), logger: logger)
        try await queue.connect()
        var configuration = GatewayConfiguration(address: .tcp(host: "127.0.0.1", port: 0))
        configuration.drainTimeout = .seconds(5)
        configuration.interceptors = [NameInterceptor()]
        let live = GatewayLive(queue, logger: logger)
        configuration.services = [AdminService(queue, live: live.hub)]
        configuration.companions = [live]
        let gateway = try Gateway(queue, configuration, logger: logger)
        try gateway.start()
        let port = gateway.port ?? 0
        let transport: HTTP2ClientTransport.Posix = try .http2NIOPosix(
            target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: .plaintext)
        let client = GRPCClient(transport: transport)
        let group = ServiceGroup(services: [gateway], logger: logger)
        return Wires(
            queue: queue, group: group, serving: Task { try await group.run() }, client: client,
            connections: Task { try await client.runConnections() })
    }

    /// Ends all of that.
    package func shutdown() async {
        let wires = wires.withLock { wires in
            defer { wires = nil }
            return wires
        }
        if let wires {
            wires.client.beginGracefulShutdown()
            _ = await wires.connections.result
            await wires.group.triggerGracefulShutdown()
            _ = await wires.serving.result
            await wires.queue.shutdown()
        }
        if !isRunning { await behind.shutdown() }
    }

    // MARK: Calls

    /// How calls are made.
    static var options: CallOptions {
        var options = CallOptions.defaults
        // As long as the engines are given, or a clock that was set makes them late.
        options.timeout = .minutes(5)
        return options
    }

    /// Makes a call.
    ///
    /// - Throws: `SpanQueueError` as the status tells it; `.closed` after a shutdown.
    func call<Answer: Sendable>(_ body: (Wires) async throws -> Answer) async throws -> Answer {
        guard let wires = wires.withLock({ $0 }) else {
            throw SpanQueueError(.closed, "the gateway and its client are shut down")
        }
        do {
            return try await body(wires)
        } catch let error as RPCError {
            if Task.isCancelled { throw CancellationError() }
            throw SpanQueueError(error)
        }
    }

    /// The same, where a status is an answer.
    func result<Answer>(
        _ body: () async throws -> Answer
    ) async throws(CancellationError) -> Result<Answer, SpanQueueError> {
        do {
            return .success(try await body())
        } catch let error as SpanQueueError {
            return .failure(error)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            return .failure(SpanQueueError(.engine, "\(error)", mayHaveRun: true))
        }
    }

    /// What the gateway tells is not so.
    static func wrong(_ what: String) -> SpanQueueError {
        SpanQueueError(.corruptRecord, "the gateway tells wrongly \(what)")
    }
}

/// Lets a call be made in somebody's name without a file of users: the name is in its metadata.
struct NameInterceptor: ServerInterceptor {
    private static let key = "spanq-test-by"

    /// The metadata of a call in a name.
    static func metadata(_ name: String?) -> Metadata {
        var metadata = Metadata()
        if let name { metadata.addString(name, forKey: key) }
        return metadata
    }

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>, context: ServerContext,
        next:
            @concurrent @Sendable (_ request: StreamingServerRequest<Input>, _ context: ServerContext) async throws ->
            StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        guard let name = request.metadata[stringValues: Self.key].first(where: { _ in true }) else {
            return try await next(request, context)
        }
        let caller = GatewayCaller(Principal(name: name, way: .grpc)) { _, _ in true }
        return try await GatewayCaller.$current.withValue(caller) { try await next(request, context) }
    }
}

extension SpanQueueError {
    /// What a status tells.
    init(_ error: RPCError) {
        let details = (try? error.unpackGoogleRPCStatus())?.details ?? []
        let info = details.compactMap(\.errorInfo).first
        self.init(
            info.map { Code(rawValue: $0.reason) } ?? .unavailable, error.message,
            mayHaveRun: info?.metadata["may_have_run"] != "false")
    }
}
