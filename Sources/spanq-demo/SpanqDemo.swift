import ArgumentParser
import SpanQueue
import SpanQueueRedis

/// What `Scripts/demo` runs beside `spanq dev`: the producer, the workers with handlers in Swift, and the report.
@main
struct SpanqDemo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spanq-demo", abstract: "The parts of Scripts/demo.",
        subcommands: [WorkCommand.self, ProduceCommand.self, ReportCommand.self])
}

struct RedisOption: ParsableArguments {
    @Option(help: "The URL of Redis.")
    var redis: String

    /// A queue that keeps the record of every job of a large folder for the report.
    func queue() async throws -> JobQueue {
        var options = RedisEngineOptions()
        options.retentionCount = 1_000_000
        return try await JobQueue(engine: .redis(redis, options))
    }
}
