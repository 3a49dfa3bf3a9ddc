// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueue
import SpanQueueAdmin

/// `spanq queue pause`
struct QueuePauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Stop claims from a queue; running jobs go on, and enqueues are accepted.")

    @OptionGroup var queue: QueueArgument
    @Option(help: "Why, for those who find it paused.") var reason = ""
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let result = try await global.withAdmin { admin in
            try await admin.run(.pause(queue: queue.name, reason: reason), as: .ofProcess)
        }
        try result.print(json: global.json)
    }
}

/// `spanq queue resume`
struct QueueResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Resume claims from a paused queue.")

    @OptionGroup var queue: QueueArgument
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.withAdmin { try await $0.run(.resume(queue: queue.name), as: .ofProcess) }.print(
            json: global.json)
    }
}

/// `spanq queue purge`
struct QueuePurgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Forget all jobs of a queue that are in one state.")

    @OptionGroup var queue: QueueArgument
    @Option(help: ArgumentHelp("The state; any but active.", valueName: "state")) var state = JobState.ready
    @OptionGroup var confirmation: Confirmation
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if state == .active {
            throw ValidationError("running jobs can't be purged: cancel them, or stop their workers")
        }
    }

    func run() async throws {
        try await Purge.run(queue.name, state, confirmation, global)
    }
}

/// Forgets the jobs of a queue that are in one state, once a person has agreed.
enum Purge {
    static func run(
        _ queue: String, _ state: JobState, _ confirmation: Confirmation, _ global: GlobalOptions
    ) async throws {
        let result = try await global.withAdmin { admin in
            let count = try await admin.queues([queue]).first?.jobs[state] ?? 0
            if count > 0 {
                try confirmation.require("Forget \(count) \(state.rawValue) jobs of queue \(queue), for good?")
            }
            return try await admin.run(.purge(queue: queue, state), as: .ofProcess)
        }
        try result.print(json: global.json) { "\($0) \(state.rawValue) jobs of queue \(queue) removed" }
    }
}

/// `spanq queue delete`
struct QueueDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Forget a queue without jobs: its name, its totals and its pause.",
        discussion: "A queue that has jobs in any state is left as it is: purge it first. The next job recreates it.")

    @OptionGroup var queue: QueueArgument
    @OptionGroup var confirmation: Confirmation
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let result = try await global.withAdmin { admin in
            _ = try await admin.queues([queue.name])
            try confirmation.require("Forget queue \(queue.name), with its totals?")
            return try await admin.run(.delete(queue: queue.name), as: .ofProcess)
        }
        try result.print(json: global.json)
    }
}
