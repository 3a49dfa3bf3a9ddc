// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue

/// A producer in a process of its own. Each job has an id of the producer's, so that what failed can be tried again.
package enum ProducerRole {
    /// - Parameter arguments: the engine's URL, the history's path, a name, how many jobs, the pause between two in ms, how long each
    ///   handler runs in ms.
    package static func run(_ arguments: [String]) async throws {
        guard arguments.count == 6, let count = Int(arguments[3]), let pause = Int(arguments[4]),
            let milliseconds = Int(arguments[5])
        else { throw Unmet("usage: producer URL FILE NAME COUNT PAUSE_MS HANDLER_MS") }
        let history = try HistoryFile(arguments[1])
        let queue = try JobQueue(engine: EngineOn.source(arguments[0]))
        await withDiscardingTaskGroup { group in
            // Several callers at once, so that enqueues share round trips.
            for lane in 0..<4 {
                group.addTask {
                    for number in stride(from: lane, to: count, by: 4) {
                        await enqueue("\(arguments[2])-\(number)", milliseconds, queue, history)
                        if pause > 0 { try? await Task.sleep(for: .milliseconds(pause * 4)) }
                    }
                }
            }
        }
        await queue.shutdown()
    }

    /// With `SPANQ_FAULT_SQL_ENDS=1` the handlers complete their jobs themselves.
    private static let completesInSQL = ProcessInfo.processInfo.environment["SPANQ_FAULT_SQL_ENDS"] == "1"

    /// Every tenth job has a lock, every seventh a priority, every ninth is due later: all kinds of jobs go through the faults.
    private static func enqueue(_ name: String, _ milliseconds: Int, _ queue: JobQueue, _ history: HistoryFile) async {
        let number = Int(name.split(separator: "-").last ?? "") ?? 0
        guard let id = try? JobID(name) else { return }
        var options: [EnqueueOption] = [.id(id)]
        if number % 10 == 3 { options.append(.unique(key: name, .untilFinished)) }
        if number % 7 == 5 { options.append(.priority(1 + number % 9)) }
        if number % 9 == 4 { options.append(.delay(.milliseconds(number % 500))) }
        let job = FaultJob(milliseconds: milliseconds, completesInSQL: completesInSQL)
        let payload = [UInt8]((try? JSONEncoder().encode(job)) ?? Data())
        history.note(.called, name)
        for _ in 0..<100 {
            do {
                _ = try await queue.enqueue(
                    EnqueueRequest(type: FaultJob.jobType, payload: payload, options: options))
                return history.note(.accepted, name)
            } catch {
                history.note(.refused, name)
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
        history.note(.failed, name)
    }
}
