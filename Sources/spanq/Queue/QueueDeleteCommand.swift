import ArgumentParser
import SpanQueue

/// `spanq queue delete`
struct QueueDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Forget a queue without jobs: its name, its totals and its pause.",
        discussion: "A queue that has jobs in any state is left as it is: purge it first. The next job makes it anew.")

    @Argument(help: "The queue.") var queue: String
    @OptionGroup var confirmation: Confirmation
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.withQueue { client in
            _ = try await client.counts(ofKnown: [queue])
            try confirmation.require("Forget queue \(queue), with its totals?")
            try await client.deleteQueue(queue)
        }
        if global.json {
            try JSONLine.print(DeletedOutput(queue: queue, deleted: true))
        } else {
            Console.print("queue \(queue) deleted")
        }
    }

    private struct DeletedOutput: Encodable {
        let queue: String
        let deleted: Bool
    }
}
