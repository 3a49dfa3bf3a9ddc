// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueue
import SpanQueueAdmin

/// `spanq journal`
struct JournalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal", abstract: "List who did what to jobs and queues, newest first.",
        discussion: """
            Each action is written down before it is done, and again with its outcome: one without an outcome is still running, or \
            its process ended in the middle of it. A final * in a filter stands for anything. With --follow the oldest comes first, and \
            each action when it begins and when it is over.
            """)

    @Option(help: ArgumentHelp("Only what this person or program did.", valueName: "name"))
    var by: String?

    @Option(help: ArgumentHelp("Only actions of this kind: pause, cancel, purge, …", valueName: "word"))
    var action: String?

    @Option(help: ArgumentHelp("Only actions in this queue.", valueName: "name"))
    var queue: String?

    @Option(help: ArgumentHelp("Only what was done to this job, or by this filter.", valueName: "id"))
    var target: String?

    @Option(help: ArgumentHelp("How many at most; 0 for all.", valueName: "count"))
    var limit = 50

    @Flag(name: .shortAndLong, help: "Go on with what is done from now on, until interrupted.")
    var follow = false

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit \(limit): use 0 for all, or a positive number") }
    }

    func run() async throws {
        let filter = JournalFilter(by: by, action: action, queue: queue, target: target)
        if follow { return try await goOn(with: filter) }
        var table = Table(
            .fixed("AT"), .text("BY"), .fixed("VIA"), .fixed("ACTION"), .text("QUEUE"), .id("TARGET"), .number("JOBS"),
            .fixed("OUTCOME"), .text("WHY"))
        var left = limit == 0 ? Int.max : limit
        var cursor: String?
        try await global.withAdmin { admin in
            repeat {
                let page = try await admin.journal(filter, cursor: cursor, limit: min(left, 500))
                left -= page.deeds.count
                cursor = page.cursor
                guard !global.json else {
                    let lines = try page.deeds.map { try AdminJSON.line($0) }
                    if !lines.isEmpty { Console.print(lines.joined(separator: "\n")) }
                    try Console.check()
                    continue
                }
                for deed in page.deeds {
                    table.add(
                        deed.at, deed.by, deed.via, deed.action, deed.queue ?? "", deed.target ?? "",
                        deed.count.map { "\($0)" } ?? "", deed.outcome ?? "begun", deed.error ?? deed.reason ?? "")
                }
            } while cursor != nil && left > 0
        }
        guard !global.json else { return }
        if table.rows.isEmpty { Console.note("spanq: no such actions") } else { table.print() }
    }

    /// A deed a line; what is to come has no width that a table could have.
    private func goOn(with filter: JournalFilter) async throws {
        var isTold = false
        try await global.withAdmin { admin in
            let problem = { (error: SpanQueueError) in
                if !isTold { Console.note("spanq: \(error.message); trying again each second") }
                isTold = true
            }
            try await admin.followJournal(filter, latest: limit == 0 ? .max : limit, problem: problem) { deeds in
                isTold = false
                for deed in deeds { Console.print(try global.json ? AdminJSON.line(deed) : Self.line(of: deed)) }
                try Console.check()
            }
        }
    }

    /// When, who, what and what came of it: `… ada@laptop redrive mail job-1: done`.
    static func line(of deed: JournalDeedView) -> String {
        let words = [deed.at, deed.by, deed.action, deed.queue, deed.target].compactMap(\.self).joined(separator: " ")
        let count = deed.count.map { ", \($0) \($0 == 1 ? "job" : "jobs")" } ?? ""
        let why = (deed.error ?? deed.reason).map { " (\($0))" } ?? ""
        return Table.clean("\(words): \(deed.outcome ?? "begun")\(count)\(why)")
    }
}
