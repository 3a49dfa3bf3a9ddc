import ArgumentParser

/// `spanq dead …`
struct DeadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead", abstract: "Look at dead letters, and give them another life or none.",
        discussion: "A dead letter is a job that will not be tried again until a person redrives it.",
        subcommands: [
            DeadListCommand.self, DeadShowCommand.self, DeadRedriveCommand.self, DeadPurgeCommand.self,
        ])
}
