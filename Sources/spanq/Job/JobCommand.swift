import ArgumentParser

/// `spanq job …`
struct JobCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job", abstract: "Look at jobs, and act on one.",
        subcommands: [
            JobShowCommand.self, JobTraceCommand.self, JobListCommand.self, JobCancelCommand.self,
            JobRetryCommand.self, JobRemoveCommand.self,
        ])
}
