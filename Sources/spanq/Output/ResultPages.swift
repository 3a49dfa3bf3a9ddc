// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand

extension OperationResult {
    /// What an operation did, for a person in one line, or as JSON.
    ///
    /// - Parameter text: the line for what was done to many jobs.
    func print(json: Bool, text: (_ done: Int) -> String = { "\($0) jobs" }) throws {
        if json { return try JSONLine.print(self) }
        Console.print(line(text))
    }

    private func line(_ text: (_ done: Int) -> String) -> String {
        switch self {
        case .job(let job):
            switch job.state {
            case nil: "\(job.id) removed"
            case JobState.active.rawValue: "\(job.id) runs: its worker was told to cancel it"
            case let state?: "\(job.id) \(state)"
            }
        case .pause(let queue):
            queue.paused
                ? "\(queue.name) paused: resume it with spanq queue resume \(queue.name)" : "\(queue.name) resumed"
        case .deletion(let queue): "queue \(queue.queue) deleted"
        case .bulk(let counts): counts.text
        case .count(let count):
            text(count.done)
                + (count.skipped == 0 ? "" : "; \(count.skipped) left, because another job holds their lock")
        }
    }
}

extension BulkCountsView {
    /// What was done, and what was left and why.
    fileprivate var text: String {
        let rest = [
            (requested, "run: their workers were told to cancel them"),
            (duplicates, "left, because another job holds their lock"), (moved, "left, because they had moved on"),
            (missing, "gone by then"),
        ].filter { $0.0 > 0 }.map { "; \($0.0) \($0.1)" }
        return "\(done) jobs done, of \(scanned) looked at" + rest.joined()
    }
}

extension Explanation {
    /// The verdict in a line, then each reason with what to type next.
    func print(json: Bool) throws {
        if json { return try JSONLine.print(self) }
        var table = Table(.fixed("REASON"), .text("WHY"), .text("NEXT"))
        for reason in reasons { table.add(reason.code, reason.detail, reason.command ?? "") }
        Console.print(Table.clean(verdict))
        if !reasons.isEmpty {
            Console.print("")
            table.print()
        }
    }
}

extension Explanation {
    /// Why a job that waits does not run, as far as its queue and its workers tell, for a page that shows the job; nil where nothing keeps it.
    static func note(on record: JobRecord, from admin: Admin) async throws -> String? {
        guard [.ready, .scheduled, .retrying].contains(record.state) else { return nil }
        let reasons = try await admin.keeping(record)
        return reasons.isEmpty
            ? nil : reasons.map { $0.detail + ($0.command.map { ": see \($0)" } ?? "") }.joined(separator: "; ")
    }
}

/// What `worker --once` prints at its end.
enum SummaryPage {
    /// - Parameter pauses: those of the worker's queues that are paused.
    static func print(_ summary: RunSummary, _ pauses: [QueuePause], json: Bool) throws {
        let view = RunSummaryView(summary, pausedQueues: pauses.map(\.queue))
        if json { return try JSONLine.print(view) }
        let parts = [
            ("retried", view.retried), ("dead", view.dead), ("cancelled", view.cancelled),
            ("released", view.released), ("reclaimed", view.reclaimed),
        ]
        let rest = parts.filter { $0.1 > 0 }.map { ", \($0.1) \($0.0)" }.joined()
        Console.print("\(view.completed) completed\(rest)")
        for pause in pauses {
            let jobs = pause.ready == 1 ? "1 ready job was" : "\(pause.ready) ready jobs were"
            Console.note("spanq: \(Table.clean(pause.text)); \(jobs) left: see spanq queue resume \(pause.queue)")
        }
    }
}

/// The settings in effect, for `--print-config`.
enum SettingsPage {
    static func print(_ entries: [SettingEntry], json: Bool) throws {
        if json {
            for entry in entries { try JSONLine.print(entry) }
            return
        }
        var table = Table(.text("SETTING"), .text("VALUE"), .text("FROM"))
        for entry in entries { table.add(entry.key, entry.value, entry.source) }
        table.print()
    }
}
