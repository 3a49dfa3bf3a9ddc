import ArgumentParser
import SpanQueue

/// `spanq dead …`
struct DeadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead", abstract: "Look at dead letters, and give them another life or none.",
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

    func validate() throws {
        if listing.cursor != nil, listing.queue == nil {
            throw ValidationError("--cursor belongs to one queue: give --queue too")
        }
    }

    func run() async throws {
        try await global.withQueue { client in
            try await JobLines(json: global.json).print(listing, in: client, states: [.dead]) { cursor in
                listing.queue != nil && !cursor.isEmpty
                    ? "go on with --cursor '\(cursor)'" : "raise --limit, or give --queue"
            }
        }
    }
}

/// `spanq dead show`
struct DeadShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show all that is known of a dead letter.")

    @OptionGroup var job: JobSelection
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let record = try await global.withQueue { try await job.find(in: $0) }
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
    }

    func run() async throws {
        let ids = try ids.map { try JobID(argument: $0) }
        try await global.withQueue { client in
            if let queue, all { return try await redriveAll(queue, client) }
            for id in ids {
                guard let record = try await client.job(id, in: queue) else {
                    throw CommandFailure.notFound("no job \(id): it never was, or its record is no longer kept")
                }
                guard record.state == .dead else {
                    throw CommandFailure.failed("job \(id) is \(record.state.rawValue), not dead: nothing to redrive")
                }
                try await client.redrive(id, in: record.message.queue)
                try ActionOutput.print(id, state: .ready, json: global.json, text: "\(id) ready")
            }
        }
    }

    private func redriveAll(_ queue: String, _ client: JobQueue) async throws {
        _ = try await client.counts(ofKnown: [queue])
        let reply = try await client.redriveAll(queue)
        if global.json {
            return try JSONLine.print(CountOutput(queue: queue, done: reply.done, skipped: reply.skipped))
        }
        let rest = reply.skipped == 0 ? "" : "; \(reply.skipped) left, because another job holds their lock"
        Console.print("\(reply.done) dead letters of queue \(queue) made ready\(rest)")
    }
}

/// `spanq dead purge`
struct DeadPurgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Forget all dead letters of a queue.")

    @Option(help: ArgumentHelp("The queue.", valueName: "name")) var queue: String
    @OptionGroup var confirmation: Confirmation
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await Purge.run(queue, .dead, confirmation, global)
    }
}
