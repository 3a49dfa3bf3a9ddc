import ArgumentParser
import SpanQueue

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
