// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Foundation
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueCommand
import SpanQueueServer
import UnixSignals

/// `spanq serve`
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the pages, the REST interface, /metrics, /livez, /readyz and /stats, and claim nothing.",
        discussion: """
            One such process is enough for the gauges that all workers would report alike: depths, ages, pauses, workers. \
            The pages and the REST interface, under /api/v1, are for this machine alone, unless --web-users says who may do what.
            """)

    @Option(help: ArgumentHelp("Where to listen; 127.0.0.1:9464 unless given.", valueName: "host:port"))
    var listen: String?

    @OptionGroup var web: WebOptions
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        var reader = try global.reader(
            web.flags.merging([.listen: listen]) { first, _ in first }, lists: web.lists)
        let connection = try ConnectionSettings(&reader, logLevel: .info)
        var listen = try reader.listen(default: .standard)
        // Serving is all it does.
        listen.whenTaken = .fail
        let web = try reader.web()
        guard listen.address != .off else {
            throw CommandFailure.usage("spanq serve serves nothing with --listen none: give it a host and port")
        }
        Console.neverWait()
        try OpenFiles.require(OpenFiles.forService)
        let telemetry = CommandTelemetry(for: .service, logger: connection.logger())
        let logger = telemetry.bootstrapLogging(at: connection.logLevel, as: connection.logFormat)
        try await connection.withQueue(telemetry: telemetry.jobs, logger: logger) { queue in
            let observability = try Observability(
                telemetry, queue: queue, listen: listen, fetchLimit: nil, logger: logger)
            let server = try web.start(queue, logger: logger)
            let services = observability.services + [server, observability.drainNotice]
            try await ServiceGroup(
                services: services, gracefulShutdownSignals: StopSignals.all, logger: logger.quietened()
            ).run()
        }
    }
}

extension Logger {
    /// For what reports each step of its own.
    func quietened() -> Logger {
        var logger = self
        logger.logLevel = max(.warning, logLevel)
        return logger
    }
}
