// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Logging
import SpanQueue
import SpanQueueCommand
import SpanQueueRedis

/// `spanq layout …`
struct LayoutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "layout", abstract: "See which layout Redis holds, and finish an upgrade of it.",
        subcommands: [LayoutShowCommand.self, LayoutFinishCommand.self], defaultSubcommand: LayoutShowCommand.self)
}

/// `spanq layout show`
struct LayoutShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the layout, and which workers of an older one still run.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let state = try await global.withLayout { try await $0.state() }
        if global.json { return try JSONLine.print(LayoutOutput(state)) }
        let queues = "\(state.queues) queue\(state.queues == 1 ? "" : "s")"
        Console.print(
            "layout \(state.version), \(queues): \(state.isFinished ? "nothing to do" : "an upgrade is under way")")
        guard !state.isFinished else { return }
        var table = Table(.text("WORKER"), .text("HOST"), .text("VERSION"), .text("QUEUES"))
        for worker in state.oldWorkers {
            table.add(worker.id, worker.host, worker.version, worker.queues.joined(separator: " "))
        }
        if state.oldWorkers.isEmpty {
            Console.print("No worker of an older layout runs: spanq layout finish ends the upgrade.")
        } else {
            table.print()
            Console.print("Upgrade these workers; then spanq layout finish ends the upgrade.")
        }
    }
}

/// `spanq layout finish`
struct LayoutFinishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "finish", abstract: "Remove what an older layout has left, once its workers are gone.",
        discussion: "It moves no job. It refuses while a worker of an older layout runs.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let state = try await global.withLayout { layout in
            try await layout.finish()
            return try await layout.state()
        }
        if global.json { return try JSONLine.print(LayoutOutput(state)) }
        Console.print("layout \(state.version): the upgrade is finished")
    }
}

/// How far an upgrade has come, as `--json` shows it.
struct LayoutOutput: Encodable {
    let layout: Int
    let queues: Int
    let finished: Bool
    let oldWorkers: [String]

    private enum CodingKeys: String, CodingKey {
        case layout, queues, finished
        case oldWorkers = "old_workers"
    }

    init(_ state: LayoutState) {
        layout = state.version
        queues = state.queues
        finished = state.isFinished
        oldWorkers = state.oldWorkers.map(\.id)
    }
}

extension GlobalOptions {
    /// Connects, and lets go of the connection whatever happens.
    fileprivate func withLayout<Value>(_ body: (RedisLayout) async throws -> Value) async throws -> Value {
        var reader = try reader()
        var settings = try ConnectionSettings(&reader, logLevel: .error)
        try settings.requireRedis(for: "spanq layout")
        settings.engine.waitsForServer = false
        let layout = try await RedisLayout(settings.redisURL, settings.engine, logger: settings.logger())
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(layout))
        } catch {
            result = .failure(error)
        }
        await layout.shutdown()
        return try result.get()
    }
}
