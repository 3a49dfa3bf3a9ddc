import ArgumentParser
import SpanQueue

/// `spanq job show`
struct JobShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show all that is known of a job, and each attempt at it.")

    @OptionGroup var job: JobSelection
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let (record, note) = try await global.withQueue { client in
            let record = try await job.find(in: client)
            return (record, global.json ? nil : try await WaitingNote.read(record, from: client))
        }
        try JobPage.print(record, note: note, json: global.json)
    }
}
