// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import HeldProcess
import Logging
import PostgresClient
import PostgresServerFixture
import RedisServerFixture
import ServiceLifecycle
import SpanQueue
import SpanQueuePostgres
import SpanQueueProto
import SpanQueueRedis
import SpanQueueServer
import SpanQueueTelemetry
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpanQueueGateway

/// What keeps the jobs in a test.
enum EngineKind: String, CaseIterable, Sendable {
    case redis, postgres

    /// Runs something with a server of its own.
    func with(_ body: (_ source: EngineSource, _ url: String) async throws -> Void) async throws {
        switch self {
        case .redis:
            let server = try await RedisServer.start()
            defer { server.stop() }
            try await body(.redis(server.url), server.url)
        case .postgres:
            let server = try await PostgresServer.start()
            defer { server.stop() }
            _ = try await PostgresSchema().migrate(on: PostgresURL(server.url))
            try await body(.postgres(server.url), server.url)
        }
    }
}

/// A gateway in this process, and a client of it.
struct Harness {
    let queue: JobQueue
    let group: ServiceGroup
    let port: Int
    let client: GRPCClient<HTTP2ClientTransport.Posix>

    var worker: Wire.Worker.Client<HTTP2ClientTransport.Posix> { .init(wrapping: client) }
    var producer: Wire.Producer.Client<HTTP2ClientTransport.Posix> { .init(wrapping: client) }

    static func with(
        _ kind: EngineKind, drainTimeout: Duration = .seconds(20), silence: Duration = .seconds(35),
        _ body: (Harness) async throws -> Void
    ) async throws {
        try await kind.with { source, _ in try await run(on: source, drainTimeout: drainTimeout, silence: silence, body)
        }
    }

    /// The same on an engine that is there already, for the life of one gateway.
    static func run(
        on source: EngineSource, drainTimeout: Duration = .seconds(20), silence: Duration = .seconds(35),
        _ body: (Harness) async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let queue = try JobQueue(engine: source, telemetry: JobTelemetry(), logger: logger)
        var configuration = GatewayConfiguration(address: .tcp(host: "127.0.0.1", port: 0))
        configuration.drainTimeout = drainTimeout
        configuration.silence = silence
        let gateway = try Gateway(queue, configuration, logger: logger)
        try gateway.start()
        let port = try #require(gateway.port)
        let group = ServiceGroup(services: [gateway], logger: logger)
        let running = Task { try await group.run() }
        try await withGRPCClient(transport: .plain(port)) { client in
            // A client waits for its streams to end, so those that a test leaves open are broken off.
            let calls = WorkCalls()
            defer { calls.cancel() }
            try await WorkCalls.$current.withValue(calls) {
                try await body(Harness(queue: queue, group: group, port: port, client: client))
            }
        }
        await group.triggerGracefulShutdown()
        try await running.value
        await queue.shutdown()
    }

    func enqueue(_ count: Int = 1, _ options: EnqueueOption...) async throws {
        let payloads = (0..<count).map { Array("\($0)".utf8) }
        for result in try await queue.enqueue(
            payloads.map { EnqueueRequest(type: "t", payload: $0, options: [.queue("q")] + options) })
        { _ = try result.get() }
    }

    func counts() async throws -> QueueCounts { try #require(try await queue.counts(of: ["q"]).first) }

    func job(_ id: String) async throws -> JobRecord { try #require(try await queue.job(JobID(id), in: "q")) }
}

extension ClientTransport where Self == HTTP2ClientTransport.Posix {
    static func plain(_ port: Int) throws -> HTTP2ClientTransport.Posix {
        try .http2NIOPosix(target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: .plaintext)
    }
}

/// The streams of a test.
final class WorkCalls: Sendable {
    @TaskLocal static var current: WorkCalls?

    private let calls = Mutex<[WorkCall]>([])

    func add(_ call: WorkCall) { calls.withLock { $0.append(call) } }

    func cancel() { for call in calls.withLock({ $0 }) { call.cancel() } }
}

/// One `Work` stream of a client: what it says, and all that has come.
final class WorkCall: Sendable {
    private struct State {
        var answers: [Wire.ToWorker] = []
        var end: Result<Void, any Error>?
    }

    private let state = Mutex(State())
    private let requests: AsyncStream<Wire.FromWorker>.Continuation
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(_ client: Wire.Worker.Client<HTTP2ClientTransport.Posix>, _ metadata: Metadata = [:]) {
        let (stream, continuation) = AsyncStream.makeStream(of: Wire.FromWorker.self)
        requests = continuation
        // A process that was started just now may not listen yet.
        var options = CallOptions.defaults
        options.waitForReady = true
        let task = Task { [self, options] in
            do {
                try await client.work(metadata: metadata, options: options) { writer in
                    for await message in stream { try await writer.write(message) }
                } onResponse: { response in
                    for try await message in response.messages { self.state.withLock { $0.answers.append(message) } }
                }
                state.withLock { $0.end = .success(()) }
            } catch {
                state.withLock { $0.end = .failure(error) }
            }
        }
        self.task.withLock { $0 = task }
        WorkCalls.current?.add(self)
    }

    /// Opens a stream as most clients do.
    static func open(
        _ client: Wire.Worker.Client<HTTP2ClientTransport.Posix>, worker: String = "w1", queue: String = "q",
        credits: UInt32 = 0, resume: [Data] = [], lease: Duration? = nil,
        onDisconnect: Spanqueue_V1_OnDisconnect = .keep, metadata: Metadata = [:]
    ) async throws -> WorkCall {
        let call = WorkCall(client, metadata)
        call.say { message in
            message.hello.protocol = 1
            message.hello.worker = worker
            message.hello.client = "test"
            message.hello.lanes = [Wire.Lane.with { $0.queue = queue }]
            message.hello.resume = resume
            message.hello.onDisconnect = onDisconnect
            if let lease { message.hello.lease = .init(lease) }
        }
        _ = try await call.first { $0.hasWelcome ? $0.welcome : nil }
        if credits > 0 { call.say { $0.credit.add = credits } }
        return call
    }

    func say(_ fill: (inout Wire.FromWorker) -> Void) {
        var message = Wire.FromWorker()
        fill(&message)
        requests.yield(message)
    }

    func closeSending() { requests.finish() }

    /// Breaks it off, as a process that is gone does.
    func cancel() { task.withLock { $0?.cancel() } }

    var answers: [Wire.ToWorker] { state.withLock { $0.answers } }
    var jobs: [Wire.Job] { answers.flatMap(\.jobs.jobs) }
    var settlements: [Wire.Settlement] { answers.flatMap(\.settled.settlements) }
    var cancels: [Wire.Cancel] { answers.compactMap { $0.hasCancel ? $0.cancel : nil } }

    /// Waits for a message.
    func first<Value>(_ pick: (Wire.ToWorker) -> Value?) async throws -> Value {
        var found: Value?
        try await eventually("a message; came: \(answers)") {
            found = self.answers.lazy.compactMap(pick).first
            if found == nil, let end = self.state.withLock({ $0.end }) { try end.get() }
            return found != nil
        }
        return try #require(found)
    }

    func jobs(_ count: Int) async throws -> [Wire.Job] {
        try await eventually("\(count) jobs; came: \(jobs.count)") { self.jobs.count >= count }
        return jobs
    }

    /// How it ended: the status' reason, "" for OK.
    func end() async throws -> String {
        try await eventually("the end of the stream") { self.state.withLock { $0.end != nil } }
        do {
            try state.withLock { $0.end }?.get()
            return ""
        } catch let error as RPCError {
            return Self.reason(of: error)
        } catch is CancellationError {
            return "cancelled"
        }
    }

    static func reason(of error: RPCError) -> String {
        let status = try? error.unpackGoogleRPCStatus()
        return status?.details.compactMap { $0.errorInfo?.reason }.first ?? "\(error.code)"
    }

    func complete(_ jobs: [Wire.Job]) {
        say { message in
            message.results.results = jobs.map { job in
                Wire.Result.with {
                    $0.claim = job.claim
                    $0.complete = .with { $0.result = Data("done".utf8) }
                }
            }
        }
    }
}

func eventually(
    _ what: @autoclosure () -> String, within limit: Duration = .seconds(30), _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < end else { throw Missed(description: "waited in vain for \(what())") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

struct Missed: Error, CustomStringConvertible {
    let description: String
}

/// The built `spanq-gateway` in a process of its own.
struct GatewayProcess {
    let held: HeldProcess
    let port: Int

    static func start(_ url: String) async throws -> GatewayProcess {
        let own = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        let program = own.deletingLastPathComponent().appendingPathComponent("spanq-gateway").path
        let port = try freePort()
        let held = try HeldProcess([
            program, "--url", url, "--listen", "127.0.0.1:\(port)", "--metrics-listen", "none",
        ])
        return GatewayProcess(held: held, port: port)
    }
}

extension Wire.ToWorker {
    var hasWelcome: Bool { if case .welcome? = kind { true } else { false } }
    var hasHeartbeat: Bool { if case .heartbeat? = kind { true } else { false } }
    var hasCancel: Bool { if case .cancel? = kind { true } else { false } }
    var hasDrain: Bool { if case .drain? = kind { true } else { false } }
}
