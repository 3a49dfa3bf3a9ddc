// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import PostgresClient
import PostgresServerFixture
import SpanQueue
import Synchronization
import Testing

@testable import SpanQueuePostgres

private struct Number: Job {
    static let jobType = "test:number"
    var number: Int
}

@Suite("workers on Postgres", .timeLimit(.minutes(5)))
struct WorkerTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    @Test("while the server is killed and comes back, twice, no job is lost, and none is completed twice")
    func killed() async throws {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        _ = try await PostgresSchema().migrate(on: PostgresURL(server.url))
        let queue = try JobQueue(engine: .postgres(server.url), logger: logger)
        let ran = Mutex<[Int: Int]>([:])
        let workers = try (0..<2).map { _ in
            let worker = try Worker(
                queue, WorkerConfiguration(concurrency: 10, lease: .seconds(3)), logger: logger)
            try worker.handle(Number.self) { job, _ in
                try await Task.sleep(for: .milliseconds(5))
                ran.withLock { $0[job.number, default: 0] += 1 }
            }
            return worker
        }
        let total = 1500
        for start in stride(from: 0, to: total, by: 500) {
            _ = try await queue.enqueue((start..<start + 500).map { Number(number: $0) })
        }
        let runs = workers.map { worker in Task { try await worker.run() } }
        for part in 1...2 {
            while ran.withLock({ $0.count }) < total * part / 4 { try await Task.sleep(for: .milliseconds(5)) }
            server.kill()
            try await server.restart()
        }
        let end = ContinuousClock.now + .seconds(120)
        var completed = 0
        while completed < total, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(50))
            completed = (try? await queue.counts(of: ["default"])[0].totals.completed) ?? 0
        }
        for worker in workers { worker.drain() }
        for run in runs { try await run.value }
        let counts = try await queue.counts(of: ["default"])[0]
        #expect(counts.totals.completed == total && counts[.completed] == total)
        #expect(counts.totals.enqueued == total && counts[.active] == 0 && counts[.dead] == 0)
        #expect(ran.withLock { $0.count } == total)
        await queue.shutdown()
    }

    @Test("a worker that waits starts a job at once, and a delayed one at its time")
    func idle() async throws {
        let database = try await Database()
        var options = PostgresEngineOptions()
        options.schema = database.schema.name
        let queue = try JobQueue(engine: .postgres(database.url.text, options), logger: logger)
        let ran = Mutex<[Int]>([])
        let worker = try Worker(queue, logger: logger)
        try worker.handle(Number.self) { job, _ in ran.withLock { $0.append(job.number) } }
        let run = Task { try await worker.run() }
        func eventually(_ numbers: [Int]) async throws {
            while ran.withLock({ $0 }) != numbers { try await Task.sleep(for: .milliseconds(2)) }
        }
        _ = try await queue.enqueue(Number(number: 1))
        try await eventually([1])
        _ = try await queue.enqueue(Number(number: 2), .delay(.milliseconds(300)))
        let start = ContinuousClock.now
        try await eventually([1, 2])
        #expect(ContinuousClock.now - start >= .milliseconds(250))
        try await database.sql("SELECT spanq.enqueue('default', 'test:number', '{\"number\": 3}')")
        try await eventually([1, 2, 3])
        worker.drain()
        try await run.value
        await queue.shutdown()
    }
}
