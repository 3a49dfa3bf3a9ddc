// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Foundation
import Logging
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueHandlers
import SpanQueueServer
import SpanQueueTelemetry

/// `spanq worker`
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Claim jobs and run a program, or call a URL, for each.",
        discussion: """
            Example: spanq worker --exec 'email:*=./send.py' --queues critical:6,default:3

            A program gets the payload on stdin, and TRACEPARENT, SPANQ_JOB_ID, SPANQ_JOB_TYPE, SPANQ_ATTEMPT and \
            SPANQ_TOKEN in its environment. Exit code 0 completes the job, 65 buries it, any other retries it. \
            What it prints is the job's result.

            A URL gets the payload by POST. 2xx completes the job, 4xx buries it (but for 408, 409, 425 and 429), \
            anything else retries it.

            SIGTERM, Ctrl-C or a closed terminal (SIGHUP) stops claiming and lets running jobs finish until \
            --drain-timeout; a second SIGTERM or Ctrl-C cuts that short and releases them.
            """,
        subcommands: [WorkerListCommand.self])

    @Flag(help: "Run the jobs that are ready, then exit.")
    var once = false

    @Flag(help: "Print the settings in effect and where each comes from, then exit.")
    var printConfig = false

    @OptionGroup(title: "Worker options") var options: WorkerOptions
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        var reader = try global.reader(options.flags, lists: options.lists)
        var connection = try ConnectionSettings(&reader, logLevel: .info)
        let settings = try WorkerSettings(&reader, &connection)
        let listen = try reader.listen(default: once ? .off : .standard)
        let slowAttempt = try reader.duration(.slowAttempt, default: nil)
        let attemptParent = try reader.attemptParent()
        if printConfig {
            // Not the worker's, but shown with the others.
            _ = try reader.traceURL()
            return try SettingsPage.print(reader.entries, json: global.json)
        }
        guard !settings.exec.isEmpty || !settings.http.isEmpty else {
            throw CommandFailure.usage(
                "a worker needs a handler: try --exec '\(WorkerSettings.execExample)' or --http '\(WorkerSettings.httpExample)'"
            )
        }
        let handlers = try Handlers(settings)
        Console.neverWait()
        try OpenFiles.require(OpenFiles.forService)
        OrphanReaper.startIfFirstProcess()
        let telemetry = CommandTelemetry(
            for: .service, slowAttempt: slowAttempt, attemptParent: attemptParent, logger: connection.logger())
        let logger = telemetry.bootstrapLogging(at: connection.logLevel, as: connection.logFormat)
        try await connection.withQueue(telemetry: telemetry.jobs, logger: logger) { queue in
            let worker = try Worker(queue, settings.worker, logger: logger)
            try handlers.register(with: worker)
            let observability = try Observability(
                telemetry, queue: queue, listen: listen, fetchLimit: Observability.fetchLimit, logger: logger)
            let process = WorkerProcess(
                worker: worker, logger: logger, companions: observability.services,
                feeders: [observability.drainNotice])
            let summary = try await process.run(once: once)
            await handlers.shutdown()
            guard let summary else { return }
            // What has run has run, whether or not this can be asked.
            let pauses = (try? await Admin(queue).pauses(of: settings.worker.selection.queues)) ?? []
            try SummaryPage.print(summary, pauses, json: global.json)
        }
    }
}

/// `spanq worker list`
struct WorkerListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the live workers: where they run, what they serve, how busy they are.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let workers = try await global.withAdmin { try await $0.workers() }
        if global.json {
            for worker in workers { try JSONLine.print(worker) }
            return
        }
        guard !workers.isEmpty else { return Console.note("spanq: no live workers: start one with spanq worker") }
        var table = Table(
            .id("ID"), .text("HOST"), .number("PID"), .number("BUSY"), .number("SLOTS"), .fixed("STARTED"),
            .fixed("VERSION"), .text("QUEUES"))
        for worker in workers {
            table.add(
                worker.id, worker.host, "\(worker.pid)", "\(worker.busy)", "\(worker.concurrency)",
                worker.startedAt, worker.version, worker.queues.joined(separator: ","))
        }
        table.print()
    }
}

/// The handlers that the settings name.
struct Handlers {
    private let programs: [(pattern: String, handler: ExecHandler)]
    private let deliveries: [(pattern: String, handler: @Sendable ([UInt8], JobContext) async throws -> Void)]
    private let delivery: HTTPDelivery?
    private let execTimeout: Duration?

    /// - Throws: a usage error for a command or URL that can't be used.
    init(_ settings: WorkerSettings) throws {
        programs = try settings.exec.map { rule in
            try Self.naming("--exec", rule) {
                (rule.pattern, try ExecHandler(command: rule.target, configuration: settings.execConfiguration))
            }
        }
        let delivery = settings.http.isEmpty ? nil : HTTPDelivery(configuration: settings.httpConfiguration)
        deliveries = try settings.http.compactMap { rule in
            try Self.naming("--http", rule) {
                try delivery.map { (rule.pattern, try $0.handler(settings.route(of: rule))) }
            }
        }
        self.delivery = delivery
        execTimeout = settings.execTimeout
    }

    func register(with worker: Worker) throws(SpanQueueError) {
        for (pattern, handler) in programs {
            guard let execTimeout else {
                try worker.handle(pattern) { payload, context in try await handler.run(payload, context) }
                continue
            }
            try worker.handle(pattern) { payload, context in
                let done: Void? = try await TimeLimit.run(execTimeout) { try await handler.run(payload, context) }
                guard done != nil else {
                    throw SpanQueueError(
                        .timeout, "the attempt took longer than \(DurationText.format(execTimeout))")
                }
            }
        }
        for (pattern, handler) in deliveries { try worker.handle(pattern, handler) }
    }

    func shutdown() async {
        await delivery?.shutdown()
    }

    private static func naming<Value>(_ flag: String, _ rule: HandlerRule, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as SpanQueueError {
            throw CommandFailure.usage("\(flag) for \(rule.pattern): \(error.message)")
        }
    }
}
