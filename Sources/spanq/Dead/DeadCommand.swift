// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand

/// `spanq dead …`
struct DeadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead", abstract: "Look at dead letters, and redrive or purge them.",
        discussion: "A dead letter is a job that will not be tried again until a person redrives it.",
        subcommands: [
            DeadListCommand.self, DeadShowCommand.self, DeadRedriveCommand.self, DeadPurgeCommand.self,
        ])
}

/// `spanq dead list`
struct DeadListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List dead letters, newest first: when each died, why, and its last error.")

    @OptionGroup var listing: JobListing
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try listing.check(.dead)
        try await global.withAdmin { try await JobLines(json: global.json).print(listing, in: $0, .dead) }
    }
}

/// `spanq dead show`
struct DeadShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show everything about a dead letter.")

    @OptionGroup var job: JobSelection
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let record = try await global.withAdmin { try await job.find(in: $0) }
        guard record.state == .dead else {
            throw CommandFailure.notFound(
                "job \(record.message.id) is \(record.state.rawValue), not dead: see spanq job show \(record.message.id)"
            )
        }
        try JobPage.print(record, json: global.json)
    }
}

/// `spanq dead redrive`
struct DeadRedriveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redrive", abstract: "Make dead letters ready again; their attempts count from zero.")

    @Argument(help: ArgumentHelp("The jobs' ids.", valueName: "id"))
    var ids: [String] = []

    @Flag(help: "All dead letters of the queue.") var all = false
    @Option(help: ArgumentHelp("The queue.", valueName: "name")) var queue: String?
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if all, !ids.isEmpty { throw ValidationError("--all and ids exclude each other: give one of them") }
        if all, queue == nil { throw ValidationError("--all needs --queue: name the queue") }
        if !all, ids.isEmpty { throw ValidationError("no ids: give some, or --all --queue NAME") }
        for id in ids { try NameRule.jobID.validate(id) }
        try NameRule.queue.validate(queue)
    }

    func run() async throws {
        let ids = try ids.map { try JobID(argument: $0) }
        try await global.withAdmin { admin in
            if let queue, all {
                let result = try await admin.run(.redriveAll(queue: queue), as: .ofProcess)
                return try result.print(json: global.json) { "\($0) dead letters of queue \(queue) made ready" }
            }
            for id in ids {
                let record = try await admin.record(id, in: queue)
                guard record.state == .dead else {
                    throw CommandFailure.failed("job \(id) is \(record.state.rawValue), not dead: nothing to redrive")
                }
                try await admin.run(.act(.redrive, id, queue: record.message.queue), as: .ofProcess)
                    .print(json: global.json)
            }
        }
    }
}

/// `spanq dead purge`
struct DeadPurgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Forget all dead letters of a queue.")

    @Option(help: ArgumentHelp("The queue.", valueName: "name")) var queue: String
    @OptionGroup var confirmation: Confirmation
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        try NameRule.queue.validate(queue)
    }

    func run() async throws {
        try await Purge.run(queue, .dead, confirmation, global)
    }
}
