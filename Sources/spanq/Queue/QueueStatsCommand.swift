import ArgumentParser
import SpanQueue

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
