// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueue
import SpanQueueAdmin

/// `spanq events`
struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Show what becomes of jobs, as it happens.",
        discussion: """
            A line for each job, and a sum for those that came too many at once. It goes on until it is stopped with Ctrl-C. \
            A program that only enqueues tells nothing: its jobs show when they start.
            """)

    @Option(help: ArgumentHelp("Only this queue; may be given again.", valueName: "name"))
    var queue: [String] = []

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        for name in queue { try NameRule.queue.validate(name) }
    }

    func run() async throws {
        try await global.withAdmin { admin in
            // It says that it listens, since nothing may happen for a while.
            if !global.json, Console.isTerminal { Console.note("listening; stop with Ctrl-C") }
            for await news in try await admin.news(of: queue.isEmpty ? nil : queue) {
                try show(news)
                try Console.check()
            }
        }
    }

    private func show(_ news: EngineNews) throws {
        guard case .event(let event) = news else {
            return Console.note("spanq: some of what happened was not heard of")
        }
        for job in event.jobs {
            let view = JobEventView(job, in: event.queue, at: event.at)
            if global.json { try JSONLine.print(view) } else { Console.print(EventLine.text(view)) }
        }
        guard let sum = EventSumView(event) else { return }
        if global.json { try JSONLine.print(sum) } else { Console.print(EventLine.text(sum)) }
    }
}

/// Events in a line each, for people.
enum EventLine {
    static func text(_ event: JobEventView) -> String {
        let words = [
            String(time(event.at)), padded(event.event, 10), padded(event.type ?? "-", 20), event.id, event.queue,
            event.attempt.map { "attempt \($0)" } ?? "", event.errorType ?? "",
        ]
        return Table.clean(words.filter { !$0.isEmpty }.joined(separator: "  "))
    }

    static func text(_ sum: EventSumView) -> String {
        let counts = sum.counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) \($0.key)" }
        return "\(time(sum.at))  \(sum.omitted) more of  \(counts.joined(separator: ", "))  \(sum.queue)"
    }

    /// The time of day in UTC.
    private static func time(_ moment: String) -> Substring { moment.dropFirst(11) }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
