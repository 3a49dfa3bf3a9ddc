// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import CSpanQueueSpawn
import Foundation
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueGateway
import SpanQueueOTLP
import SpanQueuePostgres
import SpanQueueRedis
import SpanQueueServer
import SpanQueueTelemetry
import UnixSignals

/// `spanq-gateway`, which `spanq gateway` starts: a program of its own, so that nobody builds gRPC who does not want it.
@main
struct SpanqGateway: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spanq-gateway",
        abstract: "Serve producers and workers of any language by gRPC.",
        discussion: """
            Example: spanq gateway --url redis://127.0.0.1:6379 --listen 127.0.0.1:9466

            The protocol is proto/spanqueue/v1. Settings of the engine that have no flag here are read from the variables that \
            spanq reads: SPANQ_REDIS_TLS_CA and its like, SPANQ_POSTGRES_SCHEMA, SPANQ_REDIS_TIMEOUT. Traces, metrics and logs \
            are exported as OTEL_* variables say.

            SIGTERM or Ctrl-C stops claiming, tells every worker, and waits for their streams until --drain-timeout.

            Exit codes: 0 done, 1 failed, 2 usage, 4 engine out of reach, 5 an address taken.
            """,
        version: SpanQueueVersion.text)

    @Option(
        name: [.customLong("url"), .customLong("engine-url"), .customLong("redis")],
        help: ArgumentHelp(
            "Where the engine is: redis://…, rediss://…, unix:///path, redis-sentinel://… or postgres://….",
            discussion: "Or SPANQ_URL, or SPANQ_REDIS_URL; redis://127.0.0.1:6379 unless given.", valueName: "url"))
    var url: String?

    @Option(
        help: ArgumentHelp(
            "Where to serve gRPC: host:port or unix:/path; 127.0.0.1:9466 unless given.",
            discussion: "Or SPANQ_GATEWAY_LISTEN.", valueName: "address"))
    var listen: String?

    @Option(
        help: ArgumentHelp(
            "Where to serve /metrics, /livez, /readyz and /stats; 127.0.0.1:9464 unless given, 'none' to serve nothing.",
            discussion: "Or SPANQ_LISTEN.", valueName: "address"))
    var metricsListen: String?

    @Option(
        help: ArgumentHelp(
            "How long streams may go on after a stop has begun; 25s unless given.",
            discussion: "Or SPANQ_DRAIN_TIMEOUT.", valueName: "duration"))
    var drainTimeout: String?

    @Option(
        help: ArgumentHelp(
            "The largest payload of a job, in bytes; 1048576 unless given, 3145728 at most.",
            discussion: "Or SPANQ_GATEWAY_MAX_PAYLOAD.", valueName: "bytes"))
    var maxPayload: Int?

    @Option(
        help: ArgumentHelp(
            "What is logged to stderr: trace, debug, info, notice, warning, error.", discussion: "Or SPANQ_LOG_LEVEL.",
            valueName: "level"))
    var logLevel: String?

    @Option(
        help: ArgumentHelp(
            "How lines of the log look: text, logfmt, json.", discussion: "Or SPANQ_LOG_FORMAT.", valueName: "format"))
    var logFormat: String?

    @OptionGroup(title: "Access") var edges: EdgeFlags

    static func main() async {
        do {
            var command = try parseAsRoot(nil)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as StartFailure {
            finish(error.message, error.exitCode)
        } catch let error as SpanQueueError {
            finish(error.message, StartFailure.exitCode(of: error))
        } catch {
            // Help and usage.
            exit(withError: error)
        }
    }

    private static func finish(_ message: String, _ code: Int32) -> Never {
        let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        FileHandle.standardError.write(Data("spanq-gateway: \(line)\n".utf8))
        Foundation.exit(code)
    }

    func run() async throws {
        _ = spanqueue_raise_descriptor_limit()
        let settings = try GatewaySettings(self, environment: ProcessInfo.processInfo.environment)
        let telemetry = GatewayTelemetry(settings)
        let logger = telemetry.bootstrapLogging(settings)
        var configuration = JobQueueConfiguration()
        configuration.enqueueTimeout = .seconds(30)
        if let bytes = settings.maxPayload { configuration.maxPayloadBytes = bytes }
        let queue = try JobQueue(
            engine: settings.engine, configuration: configuration, telemetry: telemetry.jobs, logger: logger)
        do {
            try await queue.connect()
            try await serve(queue, settings, telemetry, logger)
        } catch {
            await queue.shutdown()
            throw error
        }
        await queue.shutdown()
    }

    private func serve(
        _ queue: JobQueue, _ settings: GatewaySettings, _ telemetry: GatewayTelemetry, _ logger: Logger
    ) async throws {
        try telemetry.registerPage(of: queue)
        let server = MetricsServer(
            address: settings.metricsAddress, registry: telemetry.registry, ready: [.engine(queue), .features(queue)],
            queue: queue, logger: logger)
        var configuration = settings.gateway
        let health = GatewayHealth(queue)
        let environment = ProcessInfo.processInfo.environment
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        configuration.connectionAge = try edges.age(variable)
        try edges.edges(variable, logger: logger).apply(to: &configuration, queue, health: health, logger: logger)
        let gateway = try Gateway(queue, configuration, logger: logger)
        do throws(SpanQueueError) {
            try gateway.start()
        } catch {
            throw StartFailure(error.message, exitCode: StartFailure.addressTaken)
        }
        do throws(SpanQueueError) {
            try server.start()
        } catch {
            guard !settings.isMetricsAddressGiven else {
                throw StartFailure(error.message, exitCode: StartFailure.addressTaken)
            }
            logger.warning("not serving /metrics: \(error.message)")
        }
        var quiet = logger
        quiet.logLevel = max(.warning, logger.logLevel)
        let services: [any Service] = [telemetry.telemetry, server, gateway, health, server.drainNotice]
        let isIgnored = spanqueue_signal_is_ignored(SIGHUP) != 0
        try await ServiceGroup(
            services: services,
            gracefulShutdownSignals: isIgnored ? [.sigterm, .sigint] : [.sigterm, .sigint, .sighup], logger: quiet
        ).run()
    }
}

/// Why it did not start, with the exit code for it.
struct StartFailure: Error {
    let message: String
    let exitCode: Int32

    static let usage: Int32 = 2
    static let addressTaken: Int32 = 5

    init(_ message: String, exitCode: Int32 = usage) {
        self.message = message
        self.exitCode = exitCode
    }

    static func exitCode(of error: SpanQueueError) -> Int32 {
        switch error.code {
        case .invalidArgument, .tooLarge: 2
        case .unavailable, .timeout, .denied, .unsupported, .outOfMemory, .overloaded: 4
        default: 1
        }
    }
}
