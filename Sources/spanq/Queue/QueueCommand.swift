import ArgumentParser

/// `spanq queue …`
struct QueueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "Look at queues, stop and start them, empty and delete them.",
        subcommands: [
            QueueListCommand.self, QueueStatsCommand.self, QueuePauseCommand.self, QueueResumeCommand.self,
            QueuePurgeCommand.self, QueueDeleteCommand.self,
        ])
}
