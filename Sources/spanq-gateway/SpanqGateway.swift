// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import CSpanQueueSpawn
import Foundation
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueGateway
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

            The protocol is proto/spanqueue/v1. Each flag can be a variable or stand in the configuration file, as for spanq; the \
            gateway's own begin with gateway- there: gateway-listen, SPANQ_GATEWAY_LISTEN. Traces, metrics and logs are exported as \
            OTEL_* variables say.

            SIGTERM or Ctrl-C stops claiming, tells every worker, and waits for their streams until --drain-timeout.

            Exit codes: 0 done, 1 failed, 2 usage, 4 engine out of reach, 5 an address taken.
            """,
        version: SpanQueueVersion.text)

    @Option(help: ArgumentHelp("The same as --engine-url.", valueName: "url"))
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
    var maxPayload: String?

    @Option(
        help: ArgumentHelp(
            "Export an attempt that runs longer, even if its trace is not sampled; none unless given.",
            valueName: "duration"))
    var slowAttempt: String?

    @Option(
        help: ArgumentHelp(
            "How an attempt relates to its enqueue in traces: auto, parent or link; auto unless given.",
            valueName: "mode"))
    var attemptParent: String?

    @Option(help: ArgumentHelp("How long finished jobs are kept; 1h unless given.", valueName: "duration"))
    var retention: String?

    @Option(help: ArgumentHelp("How many finished jobs a queue keeps; 10000 unless given.", valueName: "count"))
    var retentionCount: String?

    @Option(help: ArgumentHelp("How long dead letters are kept; forever unless given.", valueName: "duration"))
    var deadRetention: String?

    @Flag(help: "Print the settings in effect and where each comes from, as lines of JSON, then exit.")
    var printConfig = false

    @OptionGroup(title: "Access") var edges: EdgeFlags
    @OptionGroup(title: "Engine and log") var connection: ConnectionOptions

    private static let program = "spanq-gateway"

    static func main() async {
        do {
            try CommandEnvironment.check(warn: warn)
            var command = try parseAsRoot(nil)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            end(error)
        }
    }

    /// Help and the version come as errors too, those of a success.
    private static func end(_ error: any Error) -> Never {
        if !(error is CommandFailure), !(error is SpanQueueError), exitCode(for: error) == .success {
            exit(withError: error)
        }
        let line = ErrorLine(error, program: program, root: Self.self, help: "spanq gateway --help")
        note(line.text)
        Foundation.exit(line.exit.rawValue)
    }

    private static func warn(_ text: String) {
        note("\(program): warning: \(text)")
    }

    /// Behind what was logged so far; but a reader that has stopped does not keep the process.
    private static func note(_ text: String) {
        StreamWriter.standardError.submit(Array((text + "\n").utf8))
        StreamWriter.standardError.flush(within: .milliseconds(500), whileReady: .seconds(5))
    }

    /// The settings by flag, environment and file.
    func reader() throws -> SettingsReader {
        guard url == nil || connection.engineURL == nil else {
            throw CommandFailure.usage("--url and --engine-url are the same: give one of them")
        }
        let flags: [Setting: String?] = [
            .url: url, .gatewayListen: listen, .listen: metricsListen, .drainTimeout: drainTimeout,
            .gatewayMaxPayload: maxPayload, .slowAttempt: slowAttempt, .attemptParent: attemptParent,
            .retention: retention, .retentionCount: retentionCount, .deadRetention: deadRetention,
        ]
        return try connection.reader(
            flags.merging(edges.flags) { first, _ in first }, lists: [.gatewayRedact: edges.redact],
            names: [.listen: "--metrics-listen", .url: url == nil ? "--engine-url" : "--url"], warn: Self.warn)
    }

    func run() async throws {
        _ = spanqueue_raise_descriptor_limit()
        var reader = try self.reader()
        let settings = try GatewaySettings(&reader)
        if printConfig {
            for entry in reader.entries { print(try AdminJSON.line(entry)) }
            return
        }
        let connection = settings.connection
        let telemetry = CommandTelemetry(
            for: .service, program: Self.program, slowAttempt: settings.slowAttempt,
            attemptParent: settings.attemptParent, warn: Self.warn, logger: connection.logger(Self.program))
        let logger = telemetry.bootstrapLogging(at: connection.logLevel, as: connection.logFormat)
        try await connection.withQueue(telemetry: telemetry.jobs, configuration: settings.queue, logger: logger) {
            queue in
            try await serve(queue, settings, telemetry, logger)
        }
    }

    private func serve(
        _ queue: JobQueue, _ settings: GatewaySettings, _ telemetry: CommandTelemetry, _ logger: Logger
    ) async throws {
        var configuration = settings.gateway
        let health = GatewayHealth(queue)
        try settings.edges.edges(logger: logger).apply(to: &configuration, queue, health: health, logger: logger)
        let gateway = try Gateway(queue, configuration, logger: logger)
        do throws(SpanQueueError) {
            try gateway.start()
        } catch {
            throw CommandFailure(code: .addressTaken, message: error.message)
        }
        let observability = try Observability(
            telemetry, queue: queue, listen: settings.listen, fetchLimit: nil, logger: logger)
        var quiet = logger
        quiet.logLevel = max(.warning, logger.logLevel)
        let isIgnored = spanqueue_signal_is_ignored(SIGHUP) != 0
        try await ServiceGroup(
            services: observability.services + [gateway, health, observability.drainNotice],
            gracefulShutdownSignals: isIgnored ? [.sigterm, .sigint] : [.sigterm, .sigint, .sighup], logger: quiet
        ).run()
    }
}
