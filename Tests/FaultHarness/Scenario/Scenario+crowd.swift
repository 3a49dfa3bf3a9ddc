// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueue
import SpanQueueRedis
import Synchronization

extension Scenario {
    /// What the callers of a crowd were told.
    private struct Told: Sendable {
        var accepted: Set<String> = []
        var notAdded: Set<String> = []
        var unsure = 0
        var slowest = Duration.zero
        var other = 0
    }

    private final class SharedTold: Sendable {
        private let told = Mutex(Told())

        func withLock<Result: Sendable>(_ body: (inout Told) -> Result) -> Result {
            told.withLock { told in body(&told) }
        }
    }

    /// Each caller asks for one more job as soon as it has an answer.
    static let crowd = Scenario("crowd", "redis-server stopped for a minute under 10,000 concurrent enqueues") {
        size in
        let (callers, outage) = size == .full ? (10_000, Duration.seconds(60)) : (2_000, .seconds(4))
        var options = WorkerRole.keepsAll
        options.commandTimeout = size == .full ? .seconds(5) : .seconds(1)
        let limit = options.commandTimeout
        return try await RedisStage.with { [options] stage in
            let queue = try JobQueue(engine: .redis(stage.server.url, options), logger: .silent)
            // It learns Redis' clock.
            try await queue.enqueue(type: "fault:crowd", payload: [])
            let told = SharedTold()
            let payload = [UInt8](repeating: 7, count: 4 << 10)
            let before = residentBytes
            stage.server.signal(SIGSTOP)
            let began = ContinuousClock.now
            async let ended: Int = {
                try await Task.sleep(for: outage)
                let grown = residentBytes - before
                stage.server.signal(SIGCONT)
                return grown
            }()
            await withDiscardingTaskGroup { group in
                for _ in 0..<callers {
                    group.addTask {
                        while ContinuousClock.now - began < outage {
                            let id = JobID.random()
                            let asked = ContinuousClock.now
                            let result: Result<EnqueueReceipt, any Error>
                            do {
                                result = .success(
                                    try await queue.enqueue(type: "fault:crowd", payload: payload, .id(id)))
                            } catch {
                                result = .failure(error)
                            }
                            let took = ContinuousClock.now - asked
                            let isOverloaded = told.withLock { told in
                                told.slowest = max(told.slowest, took)
                                switch result {
                                case .success: told.accepted.insert(id.description)
                                case .failure(let error as SpanQueueError) where error.mayHaveRun: told.unsure += 1
                                case .failure(let error as SpanQueueError):
                                    told.notAdded.insert(id.description)
                                    return error.code == .overloaded
                                case .failure: told.other += 1
                                }
                                return false
                            }
                            if isOverloaded { try? await Task.sleep(for: .milliseconds(100)) }
                        }
                    }
                }
            }
            let grown = try await ended
            // Whatever may still run late has run by then, or never will.
            try await wait(for: "Redis to be back", within: .seconds(60)) { (try? await queue.counts()) != nil }
            try await Task.sleep(for: limit * 2)
            let jobs = Set(try await stage.final().jobs.keys)
            await queue.shutdown()
            let all = told.withLock { $0 }
            return [
                .atLeast("callers told that the job was not added", all.notAdded.count, callers / 2),
                .exactly("of these jobs in Redis", all.notAdded.intersection(jobs).count, 0),
                .exactly("accepted and not in Redis", all.accepted.subtracting(jobs).count, 0),
                .exactly("ended in another way", all.other, 0),
                Figure("told that it may have run: \(all.unsure)"),
                .atMost("the slowest call", all.slowest, limit, slack: .seconds(3)),
                .atMost("memory grown by, MiB", grown >> 20, 400),
            ]
        }
    }

    /// What this process has in memory.
    private static var residentBytes: Int {
        let words = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
        return (words?.dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
    }
}
