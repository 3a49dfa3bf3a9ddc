// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import PostgresClient
package import SpanQueue

extension FaultJob {
    /// The handler: notes what it begins and how it ends.
    ///
    /// - Parameter url: of the engine.
    package func run(
        _ context: JobContext, _ history: HistoryFile, _ queue: JobQueue, at url: String
    ) async throws {
        func note(_ what: HistoryLine.What) {
            history.note(what, context.id.description, attempt: context.attempt, token: context.token)
        }
        note(.began)
        if dies { kill(getpid(), SIGKILL) }
        do {
            if fansOut { return try await fanOut(context, queue) { note($0) } }
            try await spendTime(context, lost: { note(.progressLost) })
        } catch {
            note(.cancelled)
            throw error
        }
        if context.attempt <= failures {
            note(.threw)
            throw JobError.retry(after: .milliseconds(20), "failing as asked")
        }
        // Before the end is there for others to see.
        note(.ended)
        if completesInSQL { try await complete(context, at: url) }
    }

    /// What it did, and its end: both, or neither. A second one of one job would be noticed by the table's rows.
    private func complete(_ context: JobContext, at url: String) async throws {
        _ = try await PostgresScript.run(
            """
            INSERT INTO effects (job, token) VALUES ('\(context.id)', \(context.token));
            SELECT spanq.complete('\(context.queue)', '\(context.id)', \(context.token))
            """, on: PostgresURL(url))
    }

    /// Enqueues 12 MiB at a time, into a queue that nobody serves. The ids come again and again: it all goes to Redis, and Redis does not grow.
    private func fanOut(
        _ context: JobContext, _ queue: JobQueue, _ note: (HistoryLine.What) -> Void
    ) async throws {
        let payload = [UInt8](repeating: 9, count: 1 << 20)
        let jobs = try (0..<12).map { number in
            EnqueueRequest(
                type: "fault:bulk", payload: payload,
                options: [.queue("bulk"), .id(try JobID("\(context.id)-\(number)"))])
        }
        let until = ContinuousClock.now + .milliseconds(milliseconds)
        while until > .now {
            do {
                for result in try await queue.enqueue(jobs) { _ = try result.get() }
                note(.wave)
            } catch let error as SpanQueueError where [.overloaded, .timeout, .unavailable].contains(error.code) {
                // There is no room, or Redis has too much to do: a producer comes again.
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        note(.ended)
    }

    /// Reports progress, also where this task is cancelled, and says whether it was answered as lost.
    private func isReportLost(_ context: JobContext) async throws -> Bool {
        try await !Task.detached { try await context.storeProgress(0.5) }.value
    }

    private func spendTime(_ context: JobContext, lost: () -> Void) async throws {
        if blocks {
            usleep(UInt32(milliseconds) * 1000)
        } else if heedsNothing {
            let until = ContinuousClock.now + .milliseconds(milliseconds)
            while until > .now { await Task.detached { try? await Task.sleep(for: .milliseconds(10)) }.value }
        } else if reports {
            // So many reports, and not so much time: a process that was stopped in between still has them before it. Once they are
            // lost it goes on until the heartbeat cancels it; where that was first, one more report comes after it.
            var isLost = false
            func report() async throws {
                guard !isLost, try await isReportLost(context) else { return }
                isLost = true
                lost()
            }
            for _ in 0..<(milliseconds / 20) {
                try await report()
                do {
                    try await Task.sleep(for: .milliseconds(20))
                } catch {
                    try await report()
                    throw error
                }
            }
        } else if milliseconds > 0 {
            try await Task.sleep(for: .milliseconds(milliseconds))
        }
    }
}
