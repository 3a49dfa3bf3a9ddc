import ArgumentParser
import Foundation
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueTelemetry
import UnixSignals

/// A worker with handlers in Swift.
struct WorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "work", abstract: "Serve one queue of the demo.")

    @OptionGroup var connection: RedisOption
    @Option(help: "The queue.")
    var queue = "files"

    func run() async throws {
        LoggingSystem.bootstrap { label in
            var handler = LineLogHandler(label: label)
            handler.logLevel = .error
            return handler
        }
        let client = try await connection.queue()
        var configuration = WorkerConfiguration(concurrency: 2, queues: .strict([queue]), lease: .seconds(2))
        configuration.retryPolicy = Backoff.constant(.milliseconds(500))
        let worker = try Worker(client, configuration)
        try worker.handle(FileDigest.self) { job, context in
            // Long enough that the kill meets some of them at work.
            try await Task.sleep(for: .milliseconds(20))
            try context.result(Array(JSONEncoder().encode(job.run())))
        }
        try worker.handle(PoisonPill.self) { _, _ in kill(getpid(), SIGKILL) }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: client), .init(service: worker)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "demo")))
        try await group.run()
    }
}
