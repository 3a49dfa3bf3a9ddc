import ArgumentParser
import SpanQueue

/// `spanq queue …`
struct QueueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "Look at queues, stop and start them, empty and delete them.",
        subcommands: [
            QueueListCommand.self, QueueStatsCommand.self, QueuePauseCommand.self, QueueResumeCommand.self,
            QueuePurgeCommand.self, QueueDeleteCommand.self,
        ])
}

/// `spanq queue list`
struct QueueListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the queues.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let (counts, workers) = try await global.withQueue { client in
            try await (client.counts(), ServingWorkers(client.workers()))
        }
        if global.json {
            for queue in counts { try JSONLine.print(QueueOutput(queue, workers: workers[queue.queue])) }
            return
        }
        guard !counts.isEmpty else { return Console.note("spanq: no queues yet: the first job makes one") }
        var table = Table(
            .text("QUEUE"), .number("WAITING"), .number("ACTIVE"), .number("DEAD"), .number("WORKERS"),
            .fixed("PAUSED"))
        for queue in counts {
            table.add(
                queue.queue, "\(queue[.ready] + queue[.scheduled] + queue[.retrying])", "\(queue[.active])",
                "\(queue[.dead])", "\(workers[queue.queue])", queue.isPaused ? "paused" : "")
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

    func run() async throws {
        let (counts, workers) = try await global.withQueue { client in
            let counts = queues.isEmpty ? try await client.counts() : try await client.counts(ofKnown: queues)
            return (counts, ServingWorkers(try await client.workers()))
        }
        guard !global.json else {
            let output = counts.map { QueueOutput($0, workers: workers[$0.queue]) }
            return try JSONLine.print(QueuesOutput(queues: output))
        }
        guard !counts.isEmpty else { return Console.note("spanq: no queues yet: the first job makes one") }
        var table = Table(
            .text("QUEUE"), .number("READY"), .number("SCHED"), .number("RETRY"), .number("ACTIVE"), .number("DONE"),
            .number("DEAD"), .number("CANC"), .number("OLDEST"), .number("WORKERS"),
            .fixed("PAUSED"))
        for queue in counts {
            table.add(
                queue.queue, "\(queue[.ready])", "\(queue[.scheduled])", "\(queue[.retrying])", "\(queue[.active])",
                "\(queue[.completed])", "\(queue[.dead])", "\(queue[.cancelled])",
                queue.oldestReadyAge.map(AgeText.format) ?? "-", "\(workers[queue.queue])",
                queue.isPaused ? "paused" : "")
        }
        table.print()
    }
}

/// How many live workers serve each queue.
struct ServingWorkers {
    private var numbers: [String: Int] = [:]

    init(_ workers: [WorkerInfo]) {
        for worker in workers {
            for queue in Set(worker.queues) { numbers[queue, default: 0] += 1 }
        }
    }

    subscript(queue: String) -> Int { numbers[queue] ?? 0 }
}

extension JobQueue {
    /// Counts of queues that exist; one that does not is an error, for its name was probably mistyped.
    func counts(ofKnown names: [String]) async throws -> [QueueCounts] {
        let all = try await counts()
        return try names.map { name in
            if let counts = all.first(where: { $0.queue == name }) { return counts }
            try NameRule.queue.check(name)
            throw CommandFailure.notFound("no queue \(name): see spanq queue list")
        }
    }
}
