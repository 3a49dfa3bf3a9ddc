// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueue
import SpanQueueAdmin

/// `spanq job …`
struct JobCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job", abstract: "Look at jobs, and act on one.",
        subcommands: [
            JobShowCommand.self, JobExplainCommand.self, JobTraceCommand.self, JobWatchCommand.self,
            JobListCommand.self, JobCancelCommand.self, JobRedriveCommand.self, JobRemoveCommand.self,
            JobBulkCommand.self,
        ])
}

/// One job, by its id.
struct JobSelection: ParsableArguments {
    @Argument(help: ArgumentHelp("The job's id.", valueName: "id"))
    var jobID: String

    @Option(help: ArgumentHelp("The queue it is in; without it all are searched.", valueName: "name"))
    var queue: String?

    func validate() throws {
        try NameRule.jobID.validate(jobID)
        try NameRule.queue.validate(queue)
    }

    func find(in admin: Admin) async throws -> JobRecord {
        try await admin.record(JobID(argument: jobID), in: queue)
    }

    /// Acts on it in the name of this process, and prints what came of it.
    func act(_ action: JobAction, _ global: GlobalOptions) async throws {
        let id = try JobID(argument: jobID)
        try await global.withAdmin { try await $0.run(.act(action, id, queue: queue), as: .ofProcess) }
            .print(json: global.json)
    }
}

/// `spanq job show`
struct JobShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show everything about a job, with each attempt.")

    @OptionGroup var job: JobSelection
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let (record, note) = try await global.withAdmin { admin in
            let record = try await job.find(in: admin)
            return (record, global.json ? nil : try await Explanation.note(on: record, from: admin))
        }
        try JobPage.print(record, note: note, json: global.json)
    }
}

/// `spanq job explain`
struct JobExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say why a job does not run, or what it does, and what to type next.")

    @OptionGroup var job: JobSelection
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let id = try JobID(argument: job.jobID)
        try await global.withAdmin { try await $0.explain(id, in: job.queue) }.print(json: global.json)
    }
}

/// `spanq job cancel`
struct JobCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Cancel a job: at once while it waits, within a heartbeat while it runs.")

    @OptionGroup var job: JobSelection
    @Option(help: "Why, for its record.") var reason = ""
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await job.act(.cancel(reason: reason), global)
    }
}

/// `spanq job redrive`
struct JobRedriveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redrive",
        abstract: "Make a dead letter, or a job that waits for its time, ready now.",
        discussion: "A dead letter starts afresh: its attempts count from zero, its history stays.",
        // Its name while it had one of its own.
        aliases: ["retry"])

    @OptionGroup var job: JobSelection
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await job.act(.redrive, global)
    }
}

/// `spanq job remove`
struct JobRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Forget a job that does not run, with its record.")

    @OptionGroup var job: JobSelection
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await job.act(.remove, global)
    }
}
