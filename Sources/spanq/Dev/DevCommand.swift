// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Foundation
import Logging
import SpanQueue
import SpanQueueAdmin
import SpanQueueHandlers
import SpanQueueRedis
import SpanQueueServer
import SpanQueueWeb

/// `spanq dev`
struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Run a private Redis and a worker: nothing to configure.",
        discussion: """
            Without --exec and --http there are handlers for demo jobs, and a trickle of such jobs, in a queue demo of \
            their own, so that a worker of yours has the others to itself. Ctrl-C stops everything and leaves nothing \
            running.
            """)

    @Option(help: ArgumentHelp("Keep the data here; a fresh directory that is removed unless given.", valueName: "dir"))
    var dir: String?

    @Option(help: ArgumentHelp("Where to put Redis' socket.", valueName: "path"))
    var redisSocket: String?

    @Flag(help: "Make Redis speak TLS on a loopback port too, with certificates made for it, and use that.")
    var tls = false

    @Flag(help: "Enqueue no demo jobs.")
    var noDemoJobs = false

    @OptionGroup var web: WebOptions
    @OptionGroup(title: "Worker options") var options: WorkerOptions
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        var reader = try global.reader(
            options.flags.merging(web.flags) { first, _ in first },
            lists: options.lists.merging(web.lists) { first, _ in first })
        var connection = try ConnectionSettings(&reader, logLevel: .info)
        if global.redis != nil || global.engineURL != nil {
            throw CommandFailure.usage(
                "spanq dev brings its own Redis: leave out --redis and --engine-url, or use spanq worker with them")
        }
        var settings = try WorkerSettings(&reader, engine: &connection.engine)
        if settings.isDemo, try reader.layers.find(.queues) == nil, try reader.layers.find(.strictQueues) == nil {
            settings.worker.queues = [DemoJobs.queue: 1]
        }
        // What jobs do is what a person is here for; but two lines a second of our own would push all else off the screen.
        settings.worker.attemptLogLevel = { $0.tags.contains(DemoJobs.tag) ? .debug : .info }
        var listen = try reader.listen(default: .standard)
        listen.whenTaken = .takeAnother
        var web = try reader.web()
        web.listen.whenTaken = .takeAnother
        let slowAttempt = try reader.duration(.slowAttempt, default: nil)
        let attemptParent = try reader.attemptParent()
        let handlers = try Handlers(settings)
        Console.neverWait()
        try OpenFiles.require(OpenFiles.forService)
        try OpenFiles.requireLimit(OpenFiles.limitForProcess)
        let directory = try DevDirectory(dir, socket: redisSocket)
        let certificates: DevCertificates?
        do throws(CommandFailure) {
            certificates = tls ? try DevCertificates(in: directory.path) : nil
        } catch {
            directory.removeIfTemporary()
            throw error
        }
        let server = try await RedisProcess.start(in: directory, certificates?.serverArguments ?? [])
        OrphanReaper.startIfFirstProcess(sparing: [server.processIdentifier])
        do {
            connection.postgresURL = nil
            connection.redisURL = certificates?.url ?? directory.url
            connection.engine.tls = certificates?.settings ?? RedisTLS()
            let telemetry = CommandTelemetry(
                for: .service, slowAttempt: slowAttempt, attemptParent: attemptParent, logger: connection.logger())
            try await serve(connection, telemetry, settings, handlers, listen, web, server, certificates)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    private func serve(
        _ connection: ConnectionSettings, _ telemetry: CommandTelemetry, _ settings: WorkerSettings,
        _ handlers: Handlers, _ listen: ListenChoice, _ web: WebChoice,
        _ server: RedisProcess, _ certificates: DevCertificates?
    ) async throws {
        let isDemo = settings.isDemo
        let logger = telemetry.bootstrapLogging(at: connection.logLevel, as: connection.logFormat)
        try await connection.withQueue(telemetry: telemetry.jobs, logger: logger) { queue in
            let worker = try Worker(queue, settings.worker, logger: logger)
            try handlers.register(with: worker)
            if isDemo { try DemoHandlers.register(with: worker) }
            let observability = try Observability(
                telemetry, queue: queue, listen: listen, fetchLimit: Observability.fetchLimit, logger: logger)
            let rest = try web.start(queue, logger: logger)
            var process = WorkerProcess(
                worker: worker, logger: logger,
                companions: observability.services + [rest, RedisWatch(server: server)],
                feeders: [observability.drainNotice])
            if isDemo, !noDemoJobs {
                process.feeders.append(DemoJobs(queue: queue, queues: settings.worker.selection.queues, logger: logger))
            }
            _ = try await process.run(once: false) {
                try greet(server.directory, settings, observability.server, rest, certificates, isDemo: isDemo)
            }
            await handlers.shutdown()
        }
    }

    /// - Throws: a failure where standard output is closed, full or broken: without the URL nobody can do anything here.
    private func greet(
        _ directory: DevDirectory, _ settings: WorkerSettings, _ server: MetricsServer, _ rest: WebServer,
        _ certificates: DevCertificates?, isDemo: Bool
    ) throws {
        let metrics = server.listening.map { "http://\($0)/metrics" }
        let web = rest.listening.map { "http://\($0)/" }
        if global.json {
            try JSONLine.print(
                DevView(
                    redisURL: certificates?.url ?? directory.url, metricsURL: metrics, webURL: web,
                    tlsDirectory: certificates?.directory))
        } else {
            Console.print(banner(directory, settings, metrics, web, certificates, isDemo: isDemo))
        }
        try Console.settle()
    }

    private func banner(
        _ directory: DevDirectory, _ settings: WorkerSettings, _ metrics: String?, _ web: String?,
        _ certificates: DevCertificates?, isDemo: Bool
    ) -> String {
        let url = certificates?.url ?? directory.url
        let variables = ["SPANQ_REDIS_URL='\(url)'"] + (certificates?.variables ?? [])
        let type = isDemo ? "demo:hello" : (settings.exec + settings.http)[0].pattern.replacing("*", with: "test")
        let queue = settings.worker.selection.queues[0]
        let lane = queue == "default" ? "" : " --queue \(queue)"
        return """
            Redis and a worker are running\(isDemo && !noDemoJobs ? ", with a trickle of demo jobs" : ""). \
            Ctrl-C stops both.

              Redis   \(url)
              metrics \(metrics ?? "off")
              pages   \(web ?? "off")
              data    \(directory.path)\(directory.isTemporary ? " (removed at the end)" : "")

            In another terminal:

              \(variables.map { "export " + $0 }.joined(separator: "\n  "))
              spanq enqueue \(type) '{"hello":"world"}'\(lane)
              spanq queue stats
              spanq job list
              spanq dead list

            """
    }
}

/// Where everything is, as `dev --json` prints it.
private struct DevView: Encodable {
    let redisURL: String
    @OrNull var metricsURL: String?
    @OrNull var webURL: String?
    /// Only with `--tls`.
    let tlsDirectory: String?

    private enum CodingKeys: String, CodingKey {
        case redisURL = "redis_url"
        case metricsURL = "metrics_url"
        case webURL = "web_url"
        case tlsDirectory = "tls_directory"
    }

    init(redisURL: String, metricsURL: String?, webURL: String?, tlsDirectory: String?) {
        self.redisURL = redisURL
        self.tlsDirectory = tlsDirectory
        _metricsURL = OrNull(wrappedValue: metricsURL)
        _webURL = OrNull(wrappedValue: webURL)
    }
}

extension WorkerSettings {
    /// Whether nobody gave handlers, so that there are those of the demo.
    fileprivate var isDemo: Bool { exec.isEmpty && http.isEmpty }
}
