// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import PostgresClient
import SpanQueue
import Synchronization
import Testing

@testable import SpanQueuePostgres

private struct Order: Job {
    static let jobType = "order"
    var number: Int
}

@Suite("enqueues in transactions of one's own", .timeLimit(.minutes(20)))
struct TransactionTests {
    /// `SPANQ_TEST_TRANSACTIONS=10000` for as many transactions.
    private static let transactions =
        ProcessInfo.processInfo.environment["SPANQ_TEST_TRANSACTIONS"].flatMap { Int($0) } ?? 800

    @Test(
        "of many transactions, half of them rolled back in five ways while workers run, exactly those committed run, each once"
    )
    func half() async throws {
        let database = try await Database()
        try await database.sql("CREATE TABLE spanq.orders (number int PRIMARY KEY)")
        var options = PostgresEngineOptions()
        options.schema = database.schema.name
        options.commandTimeout = .seconds(60)
        options.retentionCount = 1_000_000
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let queue = try JobQueue(engine: .postgres(database.url.text, options), logger: logger)
        let runs = Mutex<[Int: Int]>([:])
        let workers = try (0..<2).map { _ in
            let worker = try Worker(
                queue, WorkerConfiguration(concurrency: 10, lease: .seconds(120)), logger: logger)
            try worker.handle(Order.self) { order, _ in runs.withLock { $0[order.number, default: 0] += 1 } }
            return worker
        }
        let running = workers.map { worker in Task { try await worker.run() } }
        let failures = try await withThrowingTaskGroup(of: Int.self) { group in
            for lane in 0..<8 {
                group.addTask {
                    var failures = 0
                    for number in stride(from: lane, to: Self.transactions, by: 8) {
                        do {
                            try await database.sql(Self.transaction(number))
                        } catch {
                            failures += 1
                            if !Self.fails(number) { Issue.record("transaction \(number) failed: \(error)") }
                        }
                    }
                    return failures
                }
            }
            return try await group.reduce(0, +)
        }
        let committed = Set((0..<Self.transactions).filter { Self.isCommitted($0) })
        let deadline = ContinuousClock.now + .minutes(5)
        while runs.withLock({ $0.count }) < committed.count, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(10))
        }
        for worker in workers { worker.drain() }
        for run in running { try await run.value }
        #expect(committed.count == Self.transactions / 2)
        // Errors and cut connections are told; a rollback is what was asked for.
        #expect(failures == (0..<Self.transactions).count { Self.fails($0) })
        #expect(Set(runs.withLock { $0.keys }) == committed)
        #expect(runs.withLock { $0.values.allSatisfy { $0 == 1 } })
        #expect(try await database.sql("SELECT count(*) FROM spanq.orders") == "\(committed.count)")
        let counts = try await queue.counts(of: ["default"])[0]
        #expect(counts.totals.enqueued == committed.count && counts.totals.completed == committed.count)
        #expect(counts[.completed] == committed.count)
        #expect(try await database.sql("SELECT count(*) FROM spanq.told") == "0")
        await queue.shutdown()
    }

    private static func isCommitted(_ number: Int) -> Bool { number % 2 == 0 }
    private static func fails(_ number: Int) -> Bool { !isCommitted(number) && [1, 3].contains(number / 2 % 4) }

    /// An order and its job, in one transaction. Of those committed, each second has one that its savepoint took back. No two have the same
    /// orders: they would wait for each other, and for the queue's row, which its first job makes, in different orders.
    private static func transaction(_ number: Int) -> String {
        func both(_ number: Int) -> String {
            "INSERT INTO spanq.orders VALUES (\(number)); SELECT spanq.enqueue('default', 'order', '{\"number\": \(number)}', priority => \(abs(number) % 3));"
        }
        let way = number / 2 % 4
        guard isCommitted(number) else {
            return switch way {
            case 0: "BEGIN; \(both(number)) ROLLBACK"
            case 1: "BEGIN; \(both(number)) SELECT 1 / 0; COMMIT"
            case 2: "BEGIN; \(both(number)) SAVEPOINT here; \(both(-number)) ROLLBACK TO here; ROLLBACK"
            default: "BEGIN; \(both(number)) SELECT pg_terminate_backend(pg_backend_pid()); COMMIT"
            }
        }
        return way < 2
            ? "BEGIN; \(both(number)) COMMIT"
            : "BEGIN; SAVEPOINT here; \(both(-number - 1_000_000)) ROLLBACK TO here; \(both(number)) COMMIT"
    }

    @Test("a transaction that stays open keeps its job to itself, and no other waits for it")
    func open() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            // The queue itself begins with its first job: that one others would wait for.
            _ = try await engine.enqueue([job("before")])
            let name = "open-\(database.schema.name)"
            let open = Task {
                try await database.sql(
                    "BEGIN; SELECT spanq.enqueue('q', 't', '1', id => 'first'); SELECT pg_sleep(1000) AS \"\(name)\"; COMMIT"
                )
            }
            let there = "FROM pg_stat_activity WHERE query LIKE '%\(name)%' AND pid <> pg_backend_pid()"
            while try await database.sql("SELECT count(*) \(there) AND wait_event = 'PgSleep'") == "0" {
                try await Task.sleep(for: .milliseconds(5))
            }
            _ = try await database.sql("SELECT spanq.enqueue('q', 't', '1', id => 'second')")
            #expect(try await engine.claim(claim()).jobs.map(\.message.id) == ["before", "second"])
            #expect(try await engine.job("first", in: "q") == nil)
            try await database.sql("SELECT pg_cancel_backend(pid) \(there)")
            _ = try? await open.value
            #expect(try await engine.job("first", in: "q") == nil)
            #expect(try await engine.claim(claim()).jobs.isEmpty)
        }
    }
}
