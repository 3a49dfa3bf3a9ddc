// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand

/// `spanq job watch`
struct JobWatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Follow a job until it has ended.",
        discussion: "Ends with 0 when the job has completed, and with 1 when it is dead or cancelled.")

    @OptionGroup var job: JobSelection
    @OptionGroup var global: GlobalOptions

    /// How often it is looked, where nothing is heard: events are news, and may be missed.
    private static let interval = Duration.seconds(2)

    func run() async throws {
        let end = try await global.withAdmin { admin in
            let record = try await job.find(in: admin)
            return try await follow(record, admin)
        }
        guard end == .completed else {
            throw CommandFailure.failed(
                end == .unknown ? "how job \(job.jobID) has ended is not known" : "job \(job.jobID) is \(end)")
        }
    }

    private func follow(_ first: JobRecord, _ admin: Admin) async throws -> JobState {
        let (id, queue) = (first.message.id, first.message.queue)
        let (looks, look) = AsyncStream.makeStream(of: QueueEvent.Kind?.self, bufferingPolicy: .bufferingNewest(16))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                for await case .event(let event) in try await admin.news(of: [queue]) {
                    for job in event.jobs where job.id == id { look.yield(job.kind) }
                }
            }
            group.addTask {
                while true {
                    try await Task.sleep(for: Self.interval)
                    look.yield(nil)
                }
            }
            var watch = JobWatch()
            try show(watch.look(first, at: try await admin.now()))
            if let end = watch.end { return end }
            for await kind in looks {
                let record = try await admin.recordIfThere(id, in: queue)
                try show(watch.look(record, after: kind, at: try await admin.now()))
                if let end = watch.end { return end }
                try Console.check()
            }
            throw CancellationError()
        }
    }

    private func show(_ lines: [JobWatch.Line]) throws {
        for line in lines {
            switch line {
            case .record(let record, let text):
                if global.json { try JSONLine.print(JobView(record, .facts)) } else { Console.print(text) }
            case .gone(let text): Console.note("spanq: \(text)")
            }
        }
    }
}

/// What is said of a job that is looked at again and again: what has changed. It does no I/O.
struct JobWatch {
    enum Line {
        /// Something has changed, in words.
        case record(JobRecord, String)
        /// The record is gone.
        case gone(String)
    }

    /// How it has ended; nil while it has not.
    private(set) var end: JobState?
    private var last: String?

    /// - Parameters:
    ///   - record: nil where there is none any more.
    ///   - kind: what was heard of it, if something was.
    mutating func look(_ record: JobRecord?, after kind: QueueEvent.Kind? = nil, at now: Timestamp) -> [Line] {
        guard let record else {
            // A job may keep no record of its end.
            switch kind {
            case .completed?: end = .completed
            case .cancelled?: end = .cancelled
            default: end = .unknown
            }
            return [.gone("its record is gone" + (kind.map { ": \($0.rawValue)" } ?? ""))]
        }
        let words = Self.words(record, at: now)
        defer { last = words.joined() }
        if record.state.isTerminal { end = record.state }
        guard last != words.joined() else { return [] }
        return [.record(record, Table.clean("\(now.description.dropFirst(11))  \(words.joined(separator: "  "))"))]
    }

    private static func words(_ record: JobRecord, at now: Timestamp) -> [String] {
        var words = [record.state.rawValue]
        switch record.state {
        case .active:
            words.append("attempt \(record.attempt) of at most \(record.message.maxAttempts)")
            if let worker = record.claim?.worker { words.append("on \(worker)") }
            if record.cancelRequested { words.append("its worker was told to cancel it") }
            if let progress = record.run.progress {
                words.append("\(Int((progress.fraction * 100).rounded()))% \(progress.note)")
            }
        case .scheduled, .retrying:
            if let due = record.dueAt { words.append("due at \(due)") }
            if let error = record.run.lastError { words.append(error) }
        case .dead, .cancelled:
            if let reason = record.run.endReason, !reason.isEmpty { words.append(reason) }
            if let error = record.run.lastError { words.append(error) }
        default: break
        }
        return words
    }
}
