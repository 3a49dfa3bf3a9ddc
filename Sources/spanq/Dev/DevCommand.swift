// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Foundation
import Logging
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueHandlers
import SpanQueuePostgres
import SpanQueueRedis
import SpanQueueServer
import SpanQueueWeb

/// `spanq dev`
struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Run a private Redis or Postgres and a worker: nothing to configure.",
        discussion: """
            Without --exec and --http there are handlers for demo jobs, and a trickle of such jobs, in a queue demo of \
            their own, so that a worker of yours has the others to itself. Ctrl-C stops everything and leaves nothing \
            running.
            """)

    @Option(help: ArgumentHelp("What to run: redis or postgres.", valueName: "engine"))
    var engine = DevEngine.redis

    @Option(help: ArgumentHelp("Keep the data here; a fresh directory that is removed unless given.", valueName: "dir"))
    var dir: String?

    @Option(help: ArgumentHelp("Where to put Redis' socket.", valueName: "path"))
    var redisSocket: String?

    @Option(
        help: ArgumentHelp(
            "Where the programs initdb and postgres are; in PATH, or the latest of Debian's, unless given.",
            valueName: "dir"))
    var postgresBin: String?

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
        if global.connection.redis != nil || global.connection.engineURL != nil {
            throw CommandFailure.usage(
                "spanq dev brings its own server: leave out --redis and --engine-url, or use spanq worker with them")
        }
        try checkEngine()
        var settings = try WorkerSettings(&reader, &connection)
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
        let directory = try DevDirectory(dir, for: engine)
        let place: DevPlace
        do {
            place = try await start(in: directory, &connection)
        } catch {
            directory.removeIfTemporary()
            throw error
        }
        OrphanReaper.startIfFirstProcess(sparing: [place.server.processIdentifier])
        do {
            let telemetry = CommandTelemetry(
                for: .service, slowAttempt: slowAttempt, attemptParent: attemptParent, logger: connection.logger())
            try await serve(connection, telemetry, settings, handlers, listen, web, place)
        } catch {
            await place.server.stop()
            throw error
        }
        await place.server.stop()
    }

    /// - Throws: a usage error where an option is one of the other engine.
    private func checkEngine() throws(CommandFailure) {
        switch engine {
        case .redis:
            guard postgresBin == nil else { throw .usage("--postgres-bin goes with --engine postgres") }
        case .postgres:
            guard !tls, redisSocket == nil else { throw .usage("--tls and --redis-socket go with --engine redis") }
        }
    }

    /// Starts the server, and has the settings name it.
    private func start(in directory: DevDirectory, _ connection: inout ConnectionSettings) async throws -> DevPlace {
        switch engine {
        case .redis:
            let socket = try DevRedis.socketPath(in: directory, redisSocket)
            let certificates = tls ? try DevCertificates(in: directory.path) : nil
            let server = try await DevRedis.start(
                in: directory, socket: socket, certificates?.serverArguments ?? [])
            let url = certificates?.url ?? DevRedis.url(socket)
            connection.postgresURL = nil
            connection.redisURL = url
            connection.engine.tls = certificates?.settings ?? RedisTLS()
            return DevPlace(server: server, engine: .redis, url: url, certificates: certificates)
        case .postgres:
            let postgres = try DevPostgres(in: directory, programs: postgresBin)
            let server = try await postgres.start(connection.postgres)
            connection.postgresURL = postgres.url
            return DevPlace(server: server, engine: .postgres, url: postgres.url, loopbackURL: postgres.loopbackURL)
        }
    }

    private func serve(
        _ connection: ConnectionSettings, _ telemetry: CommandTelemetry, _ settings: WorkerSettings,
        _ handlers: Handlers, _ listen: ListenChoice, _ web: WebChoice,
        _ place: DevPlace
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
                companions: observability.services + [rest, ServerWatch(server: place.server)],
                feeders: [observability.drainNotice])
            if isDemo, !noDemoJobs {
                process.feeders.append(DemoJobs(queue: queue, queues: settings.worker.selection.queues, logger: logger))
            }
            _ = try await process.run(once: false) {
                try greet(place, settings, observability.server, rest, isDemo: isDemo)
            }
            await handlers.shutdown()
        }
    }

    /// - Throws: a failure where standard output is closed, full or broken: without the URL nobody can do anything here.
    private func greet(
        _ place: DevPlace, _ settings: WorkerSettings, _ server: MetricsServer, _ rest: WebServer, isDemo: Bool
    ) throws {
        let metrics = server.listening.map { "http://\($0)/metrics" }
        let web = rest.listening.map { "http://\($0)/" }
        if global.json {
            try JSONLine.print(DevView(place, metricsURL: metrics, webURL: web))
        } else {
            Console.print(banner(place, settings, metrics, web, isDemo: isDemo))
        }
        try Console.settle()
    }

    private func banner(
        _ place: DevPlace, _ settings: WorkerSettings, _ metrics: String?, _ web: String?, isDemo: Bool
    ) -> String {
        let directory = place.server.directory
        let type = isDemo ? "demo:hello" : (settings.exec + settings.http)[0].pattern.replacing("*", with: "test")
        let queue = settings.worker.selection.queues[0]
        let lane = queue == "default" ? "" : " --queue \(queue)"
        let loopback = place.loopbackURL.map { "\n           \($0)" } ?? ""
        return """
            \(place.engine.title) and a worker are running\(isDemo && !noDemoJobs ? ", with a trickle of demo jobs" : ""). \
            Ctrl-C stops both.

              \(place.engine.title.padding(toLength: 9, withPad: " ", startingAt: 0))\(place.url)\(loopback)
              metrics  \(metrics ?? "off")
              pages    \(web ?? "off")
              data     \(directory.path)\(directory.isTemporary ? " (removed at the end)" : "")

            In another terminal:

              \(place.variables.map { "export " + $0 }.joined(separator: "\n  "))
              spanq enqueue \(type) '{"hello":"world"}'\(lane)
              spanq queue stats
              spanq job list
              spanq dead list

            """
    }
}

/// What `spanq dev` runs.
enum DevEngine: String, ExpressibleByArgument, CaseIterable {
    case redis, postgres

    /// For people.
    var title: String { self == .redis ? "Redis" : "Postgres" }
}

/// The server that runs, and how it is reached.
private struct DevPlace {
    let server: DevServer
    let engine: DevEngine
    let url: String
    /// The same by TCP, for programs that know no Unix sockets.
    var loopbackURL: String?
    var certificates: DevCertificates?

    /// For a shell in another terminal.
    var variables: [String] {
        engine == .redis ? ["SPANQ_REDIS_URL='\(url)'"] + (certificates?.variables ?? []) : ["SPANQ_URL='\(url)'"]
    }
}

/// Where everything is, as `dev --json` prints it.
private struct DevView: Encodable {
    let engine: String
    let engineURL: String
    /// The same, where the engine is Redis.
    @OrNull var redisURL: String?
    /// Only with Postgres.
    let loopbackURL: String?
    @OrNull var metricsURL: String?
    @OrNull var webURL: String?
    /// Only with `--tls`.
    let tlsDirectory: String?

    private enum CodingKeys: String, CodingKey {
        case engine
        case engineURL = "engine_url"
        case redisURL = "redis_url"
        case loopbackURL = "loopback_url"
        case metricsURL = "metrics_url"
        case webURL = "web_url"
        case tlsDirectory = "tls_directory"
    }

    init(_ place: DevPlace, metricsURL: String?, webURL: String?) {
        engine = place.engine.rawValue
        engineURL = place.url
        loopbackURL = place.loopbackURL
        tlsDirectory = place.certificates?.directory
        _redisURL = OrNull(wrappedValue: place.engine == .redis ? place.url : nil)
        _metricsURL = OrNull(wrappedValue: metricsURL)
        _webURL = OrNull(wrappedValue: webURL)
    }
}

extension WorkerSettings {
    /// Whether nobody gave handlers, so that there are those of the demo.
    fileprivate var isDemo: Bool { exec.isEmpty && http.isEmpty }
}
