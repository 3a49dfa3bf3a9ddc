// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueRedis
import SpanQueueTelemetry
import Testing

extension TelemetryEndToEnd {
    @Suite("Counters of real processes")
    struct CounterTests {
        /// What is enqueued, and so what is to happen.
        private struct Plan {
            let spreads = 10
            let spread = 400
            let permanent = 3
            let exhausted = 2
            let duplicates = 2
            let total = 10_000
            /// One is cancelled before it runs, one while it does.
            var plain: Int { total - spreads * (spread + 1) - permanent - exhausted - 2 }
            var retried: Int { plain / 10 + (plain % 10 == 0 ? 0 : 1) + spreads * spread / 10 }
            var completed: Int { total - permanent - exhausted - 2 }
            var buried: Int { permanent + exhausted }
        }

        @Test("the counters of all processes add up to what has happened to 10,000 jobs")
        func addUp() async throws {
            try await Stage.with { stage in
                let plan = Plan()
                var logger = Logger(label: "test")
                logger.logLevel = .critical
                var options = RedisEngineOptions()
                options.retentionCount = 20_000
                let telemetry = JobTelemetry(messagingMetrics: true)
                let queue = try JobQueue(
                    engine: .redis(stage.server.url, options), telemetry: telemetry, logger: logger)
                let workers = try (0..<2).map { _ in
                    try stage.start(HeldProgram.product("TelemetryWorker"), [stage.server.url])
                }
                let began = ContinuousClock.now
                do {
                    try await enqueue(plan, on: queue)
                    let page = try await settled(plan, queue, workers)
                    print("\(plan.total) jobs through two workers in \(ContinuousClock.now - began)")
                    for worker in workers { worker.signal(SIGTERM) }
                    for worker in workers { #expect(try await worker.waitUntilExit() == 0) }
                    let last = workers.map { CounterPage($0.output) }.reduce(CounterPage(), +)
                    #expect(last.sums(of: attempts, by: "outcome") == page.sums(of: attempts, by: "outcome"))
                    let own = CounterPage(String(decoding: await telemetry.registry.page().bytes, as: UTF8.self))
                    check(plan, last, enqueued: last + own)
                    try await checkRecords(queue, last, enqueued: last + own)
                } catch {
                    await queue.shutdown()
                    throw error
                }
                await queue.shutdown()
            }
        }

        private let attempts = "spanq_job_attempts_total"

        private func enqueue(_ plan: Plan, on queue: JobQueue) async throws {
            let held = try await queue.enqueue(Count(way: .hold), .unique(key: "held", .untilFinished))
            for _ in 0..<plan.duplicates {
                let receipt = try await queue.enqueue(Count(way: .hold), .unique(key: "held", .untilFinished))
                #expect(receipt.isDuplicate && receipt.id == held.id)
            }
            // A call-off while it waits, and one while it runs.
            let delayed = try await queue.enqueue(Count(), .delay(.seconds(3600)))
            #expect(try await queue.cancel(delayed.id) == .cancelled)
            for _ in 0..<plan.permanent { try await queue.enqueue(Count(way: .permanent)) }
            for _ in 0..<plan.exhausted { try await queue.enqueue(Count(failures: 9), .maxRetries(0)) }
            for _ in 0..<plan.spreads { try await queue.enqueue(Spread(jobs: plan.spread)) }
            let jobs = (0..<plan.plain).map { Count(failures: $0 % 10 == 0 ? 1 : 0) }
            for start in stride(from: 0, to: jobs.count, by: 500) {
                let results = try await queue.enqueue(
                    Array(jobs[start..<min(start + 500, jobs.count)]), .maxRetries(5))
                for case .failure(let error) in results { throw error }
            }
            try await wait(for: "the job to be cancelled to run") { try await queue.job(held.id)?.state == .active }
            _ = try await queue.cancel(held.id)
        }

        /// The sum of both workers' pages over HTTP, once all is over.
        private func settled(_ plan: Plan, _ queue: JobQueue, _ workers: [HeldProgram]) async throws -> CounterPage {
            var ports: [Int] = []
            for worker in workers { ports.append(try await worker.number(after: "port=")) }
            var page = CounterPage()
            let total = plan.completed + plan.retried + plan.buried + 1
            try await wait(
                for: "\(total) attempts, but \(page.sums(of: attempts, by: "outcome"))", within: .seconds(180)
            ) {
                page = CounterPage()
                for port in ports {
                    page = page + CounterPage(await LocalHTTP.get("http://127.0.0.1:\(port)/metrics") ?? "")
                }
                return page.sum(of: attempts) >= total
            }
            return page
        }

        private func check(_ plan: Plan, _ workers: CounterPage, enqueued: CounterPage) {
            #expect(
                enqueued.sums(of: "spanq_jobs_enqueued_total", by: "outcome")
                    == ["accepted": plan.total, "duplicate": plan.duplicates])
            let outcomes = [
                "completed": plan.completed, "retried": plan.retried, "buried": plan.buried, "cancelled": 1,
            ]
            let all = outcomes.values.reduce(0, +)
            #expect(workers.sums(of: attempts, by: "outcome") == outcomes)
            #expect(workers.sums(of: "spanq_job_process_seconds_count", by: "outcome") == outcomes)
            #expect(workers.sum(of: "spanq_jobs_claimed_total") == all)
            #expect(workers.sum(of: "spanq_job_wait_seconds_count") == all)
            #expect(workers.sum(of: "spanq_job_end_to_end_seconds_count") == plan.completed)
            #expect(
                workers.sums(of: "spanq_jobs_dead_total", by: "reason")
                    == ["permanent": plan.permanent, "attempts_exhausted": plan.exhausted])
            #expect(
                workers.sums(of: "spanq_job_errors_total", by: "error_type")
                    == ["permanent": plan.permanent, "Failing": plan.retried + plan.exhausted])
            #expect(workers.sum(of: "messaging_client_consumed_messages_total") == all)
            #expect(enqueued.sum(of: "messaging_client_sent_messages_total") == plan.total + plan.duplicates)
            #expect(workers.sum(of: "messaging_process_duration_seconds_count") == all)
            #expect(workers.sum(of: "spanq_leases_reclaimed_total") == 0)
            #expect(workers.sum(of: "spanq_leases_lost_total") == 0)
        }

        /// The same once more from Redis: the queue's totals, and the attempts in the records of all its jobs.
        private func checkRecords(_ queue: JobQueue, _ workers: CounterPage, enqueued: CounterPage) async throws {
            let totals = try await queue.counts(of: ["default"])[0].totals
            #expect(enqueued.sums(of: "spanq_jobs_enqueued_total", by: "outcome")["accepted"] == totals.enqueued)
            #expect(workers.sum(of: "spanq_jobs_dead_total") == totals.dead)
            #expect(workers.sums(of: attempts, by: "outcome")["completed"] == totals.completed)
            #expect(totals.cancelled == 2)
            var outcomes: [String: Int] = [:]
            for state in JobState.known {
                var request = ListRequest(queue: "default", state: state, limit: 1000)
                repeat {
                    let page = try await queue.list(request)
                    for record in page.jobs.flatMap(\.run.attemptRecords) {
                        outcomes[record.outcome.rawValue, default: 0] += 1
                    }
                    request.cursor = page.cursor
                } while request.cursor != nil
            }
            #expect(workers.sums(of: attempts, by: "outcome") == outcomes)
        }
    }
}

/// What `Tests/Support/TelemetryWorker` handles.
private struct Count: Job {
    static let jobType = "test:count"
    enum Way: String, Codable, Sendable { case work, permanent, hold }
    var way = Way.work
    var failures = 0
}

private struct Spread: Job {
    static let jobType = "test:spread"
    var jobs = 0
}
