import ArgumentParser
import SpanQueue

/// `spanq queue pause`
struct QueuePauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Stop claims from a queue; what runs goes on, and enqueues are accepted.")

    @Argument(help: "The queue.") var queue: String
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.withQueue { client in
            // A name that nobody knows was probably mistyped, and the real queue would run on.
            _ = try await client.counts(ofKnown: [queue])
            try await client.pause(queue)
        }
        try PausedOutput.print(queue, paused: true, json: global.json)
    }
}
