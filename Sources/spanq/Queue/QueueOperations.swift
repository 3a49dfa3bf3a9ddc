import ArgumentParser
import SpanQueue

/// `spanq queue pause`
struct QueuePauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Stop claims from a queue; what runs goes on, and enqueues are accepted.")

    @Argument(help: "The queue.") var queue: String
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.withQueue { client in
            // A name that nobody knows was probably mistyped, and the real queue would run on.
            _ = try await client.counts(ofKnown: [queue])
            try await client.pause(queue)
        }
        try PausedOutput.print(queue, paused: true, json: global.json)
    }
}

/// `spanq queue resume`
struct QueueResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Let claims from a paused queue go on.")

    @Argument(help: "The queue.") var queue: String
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.withQueue { client in
            _ = try await client.counts(ofKnown: [queue])
            try await client.resume(queue)
        }
        try PausedOutput.print(queue, paused: false, json: global.json)
    }
}

/// `spanq queue purge`
struct QueuePurgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Forget all jobs of a queue that are in one state.")

    @Argument(help: "The queue.") var queue: String
    @Option(help: ArgumentHelp("The state; any but active.", valueName: "state")) var state = JobState.ready
    @OptionGroup var confirmation: Confirmation
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if state == .active {
            throw ValidationError("running jobs can't be purged: cancel them, or stop their workers")
        }
    }

    func run() async throws {
        try await Purge.run(queue, state, confirmation, global)
    }
}

/// Forgets the jobs of a queue that are in one state, once a person has agreed.
enum Purge {
    static func run(
        _ queue: String, _ state: JobState, _ confirmation: Confirmation, _ global: GlobalOptions
    ) async throws {
        let removed = try await global.withQueue { client in
            let count = try await client.counts(ofKnown: [queue]).first?[state] ?? 0
            if count > 0 {
                try confirmation.require("Forget \(count) \(state.rawValue) jobs of queue \(queue), for good?")
            }
            return try await client.purge(queue, state)
        }
        if global.json {
            try JSONLine.print(CountOutput(queue: queue, done: removed, skipped: 0))
        } else {
            Console.print("\(removed) \(state.rawValue) jobs of queue \(queue) removed")
        }
    }
}

/// `spanq queue delete`
struct QueueDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Forget a queue without jobs: its name, its totals and its pause.",
        discussion: "A queue that has jobs in any state is left as it is: purge it first. The next job makes it anew.")

    @Argument(help: "The queue.") var queue: String
    @OptionGroup var confirmation: Confirmation
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.withQueue { client in
            _ = try await client.counts(ofKnown: [queue])
            try confirmation.require("Forget queue \(queue), with its totals?")
            try await client.deleteQueue(queue)
        }
        if global.json {
            try JSONLine.print(DeletedOutput(queue: queue, deleted: true))
        } else {
            Console.print("queue \(queue) deleted")
        }
    }

    private struct DeletedOutput: Encodable {
        let queue: String
        let deleted: Bool
    }
}
