import ArgumentParser
import SpanQueue

/// `spanq job show`
struct JobShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show all that is known of a job, and each attempt at it.")

    @OptionGroup var job: JobSelection
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let record = try await global.withQueue { try await job.find(in: $0) }
        try JobPage.print(record, json: global.json)
    }
}
