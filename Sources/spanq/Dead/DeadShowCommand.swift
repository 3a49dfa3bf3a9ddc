import ArgumentParser
import SpanQueue

/// `spanq dead show`
struct DeadShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show all that is known of a dead letter.")

    @OptionGroup var job: JobSelection
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let record = try await global.withQueue { try await job.find(in: $0) }
        guard record.state == .dead else {
            throw CommandFailure.notFound(
                "job \(record.message.id) is \(record.state.rawValue), not dead: see spanq job show \(record.message.id)"
            )
        }
        try JobPage.print(record, json: global.json)
    }
}
