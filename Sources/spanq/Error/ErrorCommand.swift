// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueue
import SpanQueueAdmin

/// `spanq error …`
struct ErrorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "error", abstract: "Look at what attempts failed of, by groups of errors that are alike.",
        subcommands: [ErrorListCommand.self])
}

/// `spanq error list`
struct ErrorListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List groups of errors, those that were seen last first.",
        discussion:
            "Look at the jobs of one with spanq job list --fingerprint. Workers tell of errors every ten seconds.")

    @Option(help: ArgumentHelp("The queue; all unless given.", valueName: "name"))
    var queue: String?

    @Option(help: ArgumentHelp("Only errors of jobs of this type.", valueName: "type"))
    var type: String?

    @Option(help: ArgumentHelp("How many at most; 0 for all.", valueName: "count"))
    var limit = 50

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit \(limit): use 0 for all, or a positive number") }
        try NameRule.queue.validate(queue)
    }

    func run() async throws {
        let page = try await global.withAdmin { admin in
            try await admin.errors(in: queue, type: type, limit: limit == 0 ? .max : limit)
        }
        if global.json {
            for group in page.errors { try JSONLine.print(group) }
        } else if page.errors.isEmpty {
            Console.note("spanq: no errors")
        } else {
            var table = Table(
                .number("COUNT"), .fixed("LAST"), .text("QUEUE"), .text("TYPE"), .text("ERROR"), .text("MESSAGE"),
                .id("FINGERPRINT"))
            for group in page.errors {
                table.add(
                    "\(group.count)", group.lastSeen, group.queue, group.fingerprint == nil ? "others" : group.type,
                    group.errorType, group.message, group.fingerprint ?? "")
            }
            table.print()
        }
        if page.more > 0 { Console.note("spanq: there are \(page.more) more: raise --limit") }
    }
}
