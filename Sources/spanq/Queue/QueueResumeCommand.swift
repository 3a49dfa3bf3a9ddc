import ArgumentParser
import SpanQueue

/// `spanq queue resume`
struct QueueResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Let claims from a paused queue go on.")

    @Argument(help: "The queue.") var queue: String
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.withQueue { client in
            _ = try await client.counts(ofKnown: [queue])
            try await client.resume(queue)
        }
        try PausedOutput.print(queue, paused: false, json: global.json)
    }
}
