// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Logging
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueRedis
import Synchronization

/// `spanq transfer`
struct TransferCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer",
        abstract: "Move the jobs of queues to another engine, or to another store of the same one.",
        discussion: """
            Both queues are paused meanwhile; producers may go on. Jobs keep their ids, order, delays, attempts, errors, results and unique \
            locks. If it is stopped, however that happens, run it again: it goes on, and no job is lost or runs twice. A queue that \
            somebody else has paused stays paused.

            Exit codes: 0 all of it went, 1 something stayed, 2 usage, 3 no such queue, 4 a store is out of reach.
            """)

    @Option(help: ArgumentHelp("Where the jobs are: any URL that --engine-url takes.", valueName: "url"))
    var from: String

    @Option(help: ArgumentHelp("Where they are to go.", valueName: "url"))
    var to: String

    @Option(help: ArgumentHelp("This queue; repeat it for several.", valueName: "name"))
    var queue: [String] = []

    @Flag(help: "All queues.")
    var all = false

    @Flag(help: "Leave the jobs where they are, too. The copies stay paused.")
    var copy = false

    @Flag(help: "Only count the jobs, by state.")
    var dryRun = false

    @Option(help: ArgumentHelp("How long to wait for jobs that run; 30s unless given.", valueName: "duration"))
    var wait = "30s"

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if queue.isEmpty != all { throw ValidationError("which queues? Give --queue or --all, and not both") }
        for name in queue { try NameRule.queue.validate(name) }
        guard let patience = DurationText.parse(wait), patience >= .zero, patience <= .hours(24) else {
            throw ValidationError(
                "--wait \"\(Excerpt.printable(wait, limit: 60))\" is not a duration up to 24h, such as 30s")
        }
    }

    func run() async throws {
        var reader = try global.reader()
        var settings = try ConnectionSettings(&reader, logLevel: .error)
        settings.engine.waitsForServer = false
        let target = try settings.with(url: to, of: "--to")
        var source = try settings.with(url: from, of: "--from")
        // What is said of enqueues is said of the store to which jobs go.
        source.engine.durability = .primary
        guard from != to else { throw CommandFailure.usage("--from and --to are the same URL") }
        let telemetry = CommandTelemetry(for: .command, logger: settings.logger())
        let isWhole: Bool
        do {
            isWhole = try await source.withQueue(telemetry: telemetry.jobs) { source in
                try await target.withQueue(telemetry: telemetry.jobs) { target in
                    try await transfer(Admin(source), Admin(target))
                }
            }
        } catch {
            await telemetry.endCommand()
            throw error
        }
        await telemetry.endCommand()
        if !isWhole { throw ExitCode(CommandExit.failed.rawValue) }
    }

    /// - Returns: whether all of it went.
    private func transfer(_ source: Admin, _ target: Admin) async throws -> Bool {
        let names = all ? try await source.queueNames() : queue
        if dryRun {
            for name in names { try await preview(name, source, target) }
            return true
        }
        guard let patience = DurationText.parse(wait) else { return false }
        var isWhole = true
        for name in names {
            let line = TransferLine()
            defer { line.clear() }
            let report = try await source.transfer(
                name, to: target, isCopy: copy, patience: patience, as: .ofProcess, progress: { line.show($0) })
            line.clear()
            try print(report)
            if report.skipped > 0 || report.isUnfinished { isWhole = false }
        }
        if names.isEmpty, !global.json { Console.print("no queues: nothing to do") }
        return isWhole
    }

    private func preview(_ name: String, _ source: Admin, _ target: Admin) async throws {
        let (here, there) = (try await source.counted(name), try await target.counts(ofAny: name))
        if global.json { return try JSONLine.print(TransferPreview(source: here, target: there)) }
        func words(_ counts: QueueCounts) -> String {
            let states = JobState.known.filter { counts[$0] > 0 }.map { "\(counts[$0]) \($0.rawValue)" }
            return states.isEmpty ? "none" : states.joined(separator: ", ")
        }
        Console.print("\(name): \(words(here)); there already: \(words(there))")
    }

    private func print(_ report: TransferReport) throws {
        if global.json { return try JSONLine.print(TransferView(report)) }
        let states = QueueTransfer.states.compactMap { state in
            report.moved[state].flatMap { $0 > 0 ? "\($0) \(state.rawValue)" : nil }
        }
        func jobs(_ count: Int) -> String { "\(count) job\(count == 1 ? "" : "s")" }
        let parts = states.isEmpty ? "" : " (\(states.joined(separator: ", ")))"
        Console.print("\(report.queue): \(jobs(report.total)) \(copy ? "copied" : "moved")\(parts)")
        for (count, words) in [
            (report.conflicts, "stayed: another job there has the id"),
            (report.locked, "stayed: another job there holds the unique lock"),
            (report.unreadable, "stayed: this version can't read the record"),
        ] where count > 0 { Console.print("! \(count) \(words)") }
        if report.isUnfinished {
            Console.print("! \(report.left) were added faster than they went: stop the producers, and run it again")
        }
        if report.isTargetPaused {
            Console.print("\(report.queue) is paused there: spanq queue resume \(report.queue) lets its jobs run")
        }
        if report.isSourcePaused, !copy { Console.print("\(report.queue) is paused here, with \(jobs(report.left))") }
    }
}

/// The progress of a transfer, on a terminal.
private final class TransferLine: Sendable {
    private let state = Mutex(ProgressLine())

    func show(_ progress: TransferProgress) {
        let what =
            progress.state == .active
            ? "\(progress.queue): waiting for \(progress.total) that run"
            : "\(progress.queue): \(progress.state.rawValue) \(progress.done) of \(progress.total)"
        state.withLock { $0.show(progress.total > 0 ? Double(progress.done) / Double(progress.total) : 0, what) }
    }

    func clear() {
        state.withLock { $0.clear() }
    }
}
