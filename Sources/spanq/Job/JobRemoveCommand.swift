import ArgumentParser
import SpanQueue

/// `spanq job remove`
struct JobRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Forget a job that does not run, with its record.")

    @OptionGroup var job: JobSelection
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let id = try JobID(argument: job.jobID)
        try await global.withQueue { try await $0.remove(id, in: job.queue) }
        try ActionOutput.print(id, state: nil, json: global.json, text: "\(id) removed")
    }
}
