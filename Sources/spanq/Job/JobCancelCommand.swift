import ArgumentParser
import SpanQueue

/// `spanq job cancel`
struct JobCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Call a job off: at once while it waits, within a heartbeat while it runs.")

    @OptionGroup var job: JobSelection
    @Option(help: "Why, for its record.") var reason = ""
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let id = try JobID(argument: job.jobID)
        let state = try await global.withQueue { try await $0.cancel(id, in: job.queue, reason: reason) }
        try ActionOutput.print(
            id, state: state, json: global.json,
            text: state == .active ? "\(id) runs: its worker was told to cancel it" : "\(id) cancelled")
    }
}
