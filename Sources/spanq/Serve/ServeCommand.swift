import ArgumentParser
import Foundation
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueServer
import UnixSignals

/// `spanq serve`
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve /metrics, /livez, /readyz and /stats, and claim nothing.",
        discussion: """
            One such process is enough for the gauges that all workers would report alike: depths, ages, pauses, workers.
            """)

    @Option(help: ArgumentHelp("Where to listen; 127.0.0.1:9464 unless given.", valueName: "host:port"))
    var listen: String?

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        var reader = try global.reader([.listen: listen].compactMapValues { $0 }, lists: [:])
        let connection = try ConnectionSettings(&reader, logLevel: .info)
        var listen = try reader.listen(default: .standard)
        // Serving is all it does.
        listen.whenTaken = .fail
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
            let services = observability.services + [observability.drainNotice]
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
