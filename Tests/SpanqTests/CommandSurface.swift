// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// The commands of a program with their options, as the program itself tells them.
struct CommandSurface {
    struct Command {
        /// Its words, without that of the program.
        let path: [String]
        let arguments: [Argument]

        var name: String { path.joined(separator: " ") }
    }

    struct Argument: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String
        }

        let kind: String
        let names: [Name]?
        let valueName: String?
        let isOptional: Bool

        /// Without its dashes; of a positional argument what the help calls it.
        var name: String { names?.first { $0.kind == "long" }?.name ?? valueName ?? "" }
        var isPositional: Bool { kind == "positional" }
        var hasValue: Bool { kind != "flag" }
    }

    private struct Dump: Decodable {
        struct Node: Decodable {
            let commandName: String
            let arguments: [Argument]?
            let subcommands: [Node]?
        }

        let command: Node
    }

    /// Those that take more than what every command takes, and those that have no subcommands.
    let commands: [Command]

    /// - Parameter program: `spanq`, or another executable beside it.
    init(of program: String = "spanq") async throws {
        let process = Process()
        process.executableURL = CommandRun.executable.deletingLastPathComponent().appendingPathComponent(program)
        process.arguments = ["--experimental-dump-help"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        commands = Self.commands(try JSONDecoder().decode(Dump.self, from: text).command, []).filter {
            $0.path != ["help"]
        }
    }

    private static func commands(_ node: Dump.Node, _ path: [String]) -> [Command] {
        let command = Command(path: path, arguments: node.arguments ?? [])
        return [command] + (node.subcommands ?? []).flatMap { commands($0, path + [$0.commandName]) }
    }

    subscript(name: String) -> Command? { commands.first { $0.name == name } }
}
