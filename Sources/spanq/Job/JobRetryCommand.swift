import ArgumentParser
import SpanQueue

/// `spanq job retry`
struct JobRetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Make a dead letter, or a job that waits for its time, ready now.",
        discussion: "A dead letter starts afresh: its attempts count from zero, its history stays.")

    @OptionGroup var job: JobSelection
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let id = try JobID(argument: job.jobID)
        try await global.withQueue { try await $0.redrive(id, in: job.queue) }
        try ActionOutput.print(id, state: .ready, json: global.json, text: "\(id) ready")
    }
}
