import ArgumentParser
import SpanQueue

/// `spanq worker list`
struct WorkerListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the live workers: where they run, what they serve, how busy they are.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let workers = try await global.withQueue { try await $0.workers() }.sorted { $0.id < $1.id }
        if global.json {
            for worker in workers { try JSONLine.print(WorkerOutput(worker)) }
            return
        }
        guard !workers.isEmpty else { return Console.note("spanq: no live workers: start one with spanq worker") }
        var table = Table(
            .id("ID"), .text("HOST"), .number("PID"), .number("BUSY"), .number("SLOTS"), .fixed("STARTED"),
            .fixed("VERSION"), .text("QUEUES"))
        for worker in workers {
            table.add(
                worker.id, worker.host, "\(worker.pid)", "\(worker.busy)", "\(worker.concurrency)",
                worker.startedAt.description, worker.version, worker.queues.joined(separator: ","))
        }
        table.print()
    }
}
