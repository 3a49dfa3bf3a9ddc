// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueue
package import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueWeb

/// `spanq token …`
struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Make tokens for the pages, the REST interface and the gateway.",
        subcommands: [TokenMakeCommand.self])
}

/// `spanq token make`
struct TokenMakeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "make", abstract: "Make a token, and the line for it in the file of users.",
        discussion: """
            The token is shown this once: whoever has it is let in by that name. The file gets its SHA-256 alone, which is \
            enough for 256 bits of chance. It must not be open to others: chmod 600.
            """)

    @Argument(help: "The name of the person or program, as it will stand in records.") var name: String
    @Option(help: ArgumentHelp("What they may do: viewer, operator, admin, producer, worker.", valueName: "role"))
    var role = Role.viewer
    @Option(help: ArgumentHelp("In which queues: mail,media-*.", valueName: "queues")) var queues = "*"
    @OptionGroup var global: GlobalOptions

    func run() throws {
        guard UserList.isName(name), !name.hasPrefix("@") else {
            throw CommandFailure.usage("the name: use 1 to 64 of A-Z a-z 0-9 . _ @ + -, and no @ at the start")
        }
        let patterns: QueuePatterns
        do throws(SpanQueueError) { patterns = try QueuePatterns(queues) } catch {
            throw CommandFailure.usage(error.message)
        }
        let token = AccessToken()
        let line = UserList.line(name: name, role: role, queues: patterns, digest: token.digest)
        if global.json { return try JSONLine.print(TokenView(name: name, token: token.text, line: line)) }
        Console.print("token  \(token.text)\nline   \(line)")
    }
}

/// A token that was made, and the line for it.
private struct TokenView: Encodable {
    let name: String
    let token: String
    let line: String
}

extension Role: ExpressibleByArgument {}
