// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueue
import SpanQueueAdmin

/// `spanq queue …`
struct QueueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "Look at queues, stop and start them, empty and delete them.",
        subcommands: [
            QueueListCommand.self, QueueStatsCommand.self, QueueExplainCommand.self, QueuePauseCommand.self,
            QueueResumeCommand.self, QueuePurgeCommand.self, QueueDeleteCommand.self,
        ])
}

/// `spanq queue list`
struct QueueListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the queues.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let queues = try await global.withAdmin { try await $0.queues() }
        if global.json {
            for queue in queues { try JSONLine.print(queue) }
            return
        }
        guard !queues.isEmpty else { return Console.note("spanq: no queues yet: the first job makes one") }
        var table = Table(
            .text("QUEUE"), .number("WAITING"), .number("ACTIVE"), .number("DEAD"), .number("WORKERS"),
            .fixed("PAUSED"))
        for queue in queues {
            let jobs = queue.jobs
            table.add(
                queue.name, "\(jobs[.ready] + jobs[.scheduled] + jobs[.retrying])", "\(jobs[.active])",
                "\(jobs[.dead])", "\(queue.workersAlive)", queue.paused ? "paused" : "")
        }
        table.print()
    }
}

/// `spanq queue stats`
struct QueueStatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Count the jobs of each queue by state.")

    @Argument(help: ArgumentHelp("The queues; all unless given.", valueName: "queue"))
    var queues: [String] = []

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        for name in queues { try NameRule.queue.validate(name) }
    }

    func run() async throws {
        let views = try await global.withAdmin { admin in
            queues.isEmpty ? try await admin.queues() : try await admin.queues(queues)
        }
        guard !global.json else { return try JSONLine.print(QueuesView(queues: views)) }
        guard !views.isEmpty else { return Console.note("spanq: no queues yet: the first job makes one") }
        var table = Table(
            .text("QUEUE"), .number("READY"), .number("SCHED"), .number("RETRY"), .number("ACTIVE"), .number("DONE"),
            .number("DEAD"), .number("CANC"), .number("OLDEST"), .number("WORKERS"),
            .fixed("PAUSED"))
        for queue in views {
            let jobs = queue.jobs
            table.add(
                queue.name, "\(jobs[.ready])", "\(jobs[.scheduled])", "\(jobs[.retrying])", "\(jobs[.active])",
                "\(jobs[.completed])", "\(jobs[.dead])", "\(jobs[.cancelled])",
                queue.oldestReadyAgeSeconds.map { AgeText.format(.seconds($0)) } ?? "-", "\(queue.workersAlive)",
                queue.paused ? "paused" : "")
        }
        table.print()
    }
}

/// `spanq queue explain`
struct QueueExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say why the jobs of a queue do not run, and what to type next.")

    @OptionGroup var queue: QueueArgument
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.withAdmin { try await $0.explain(queue: queue.name) }.print(json: global.json)
    }
}
