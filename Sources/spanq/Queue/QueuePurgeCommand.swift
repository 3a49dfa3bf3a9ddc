import ArgumentParser
import SpanQueue

/// `spanq queue purge`
struct QueuePurgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Forget all jobs of a queue that are in one state.")

    @Argument(help: "The queue.") var queue: String
    @Option(help: ArgumentHelp("The state; any but active.", valueName: "state")) var state = JobState.ready
    @OptionGroup var confirmation: Confirmation
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if state == .active {
            throw ValidationError("running jobs can't be purged: cancel them, or stop their workers")
        }
    }

    func run() async throws {
        try await Purge.run(queue, state, confirmation, global)
    }
}
