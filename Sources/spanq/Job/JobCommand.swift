import ArgumentParser
import SpanQueue

/// `spanq job …`
struct JobCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job", abstract: "Look at jobs, and act on one.",
        subcommands: [
            JobShowCommand.self, JobTraceCommand.self, JobListCommand.self, JobCancelCommand.self,
            JobRetryCommand.self, JobRemoveCommand.self,
        ])
}

/// One job, by its id.
struct JobSelection: ParsableArguments {
    @Argument(help: ArgumentHelp("The job's id.", valueName: "id"))
    var jobID: String

    @Option(help: ArgumentHelp("The queue it is in; without it all are searched.", valueName: "name"))
    var queue: String?

    func find(in client: JobQueue) async throws -> JobRecord {
        let id = try JobID(argument: jobID)
        guard let record = try await client.job(id, in: queue) else {
            throw CommandFailure.notFound("no job \(id): it never was, or its record is no longer kept")
        }
        return record
    }
}

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
