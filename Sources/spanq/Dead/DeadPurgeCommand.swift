import ArgumentParser
import SpanQueue

/// `spanq dead purge`
struct DeadPurgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Forget all dead letters of a queue.")

    @Option(help: ArgumentHelp("The queue.", valueName: "name")) var queue: String
    @OptionGroup var confirmation: Confirmation
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await Purge.run(queue, .dead, confirmation, global)
    }
}
