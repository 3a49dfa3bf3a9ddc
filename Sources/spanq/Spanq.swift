// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Foundation
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand

/// The command `spanq`: a folder for each noun. Below them are `Options`, then `Output` and `Settings`.
@main
struct Spanq: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spanq",
        abstract: "A job queue on Redis or Postgres that shows what it is doing.",
        discussion: """
            Start with: spanq dev

            Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 engine out of reach, 5 --listen taken.
            """,
        version: SpanQueueVersion.text,
        subcommands: [
            DevCommand.self, WorkerCommand.self, ServeCommand.self, EnqueueCommand.self, JobCommand.self,
            QueueCommand.self, DeadCommand.self, ErrorCommand.self, EventsCommand.self, TopCommand.self,
            JournalCommand.self, TokenCommand.self, AuditCommand.self, LayoutCommand.self, PostgresCommand.self,
            TransferCommand.self,
            BenchCommand.self,
            GatewayCommand.self, HealthCommand.self,
            VersionCommand.self,
        ])

    static func main() async {
        StandardDescriptors.reserve()
        OpenFiles.raiseLimit()
        var arguments: [String] = []
        var refusal: CommandFailure?
        do {
            try GatewayCommand.runIfAsked()
            try CommandEnvironment.check(warn: Console.warn)
            let given = try CommandArguments.ofProcess()
            // What else may be wrong would be told with the placeholder in it.
            refusal = given.foreign?.refusal
            arguments = ArgumentOrder.normalized(given.texts)
            try ArgumentOrder.checkNames(arguments)
            var command = try parseAsRoot(arguments)
            try given.complete(&command)
            refusal = nil
            if !(command is VersionCommand) { try OpenFiles.require(OpenFiles.forCommand) }
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            end(refusal ?? error, arguments)
        }
        Console.finish(CommandExit.done.rawValue)
    }

    /// Help and completion scripts come as errors too, those of a success.
    private static func end(_ error: any Error, _ arguments: [String]) -> Never {
        if let code = error as? ExitCode { Console.finish(code.rawValue) }
        if !(error is CommandFailure), !(error is SpanQueueError), exitCode(for: error) == .success {
            Console.print(fullMessage(for: error))
            Console.finish(CommandExit.done.rawValue)
        }
        let line = ErrorLine(error, arguments: arguments)
        Console.note(line.text)
        Console.finish(line.exit.rawValue)
    }
}

extension ErrorLine {
    /// - Parameter arguments: the command line, which tells whose help to point to.
    init(_ error: any Error, arguments: [String] = []) {
        let path = ["spanq"] + ArgumentOrder.subcommandNames(arguments)
        self.init(error, program: "spanq", root: Spanq.self, help: "\(path.joined(separator: " ")) --help")
    }
}

/// `spanq version`
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    @OptionGroup var global: GlobalOptions

    func run() throws {
        if global.json {
            try JSONLine.print(VersionView())
        } else {
            Console.print("spanq \(SpanQueueVersion.text)")
        }
    }
}
