// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import PostgresClient
import SpanQueue
import SpanQueueTelemetry
import Testing
import Tracing

@testable import SpanQueuePostgres

@Suite("A statement for a driver of one's own", .timeLimit(.minutes(3)))
struct StatementTests {
    private struct Ship: Job {
        static let jobType = "order:ship"
        static let options: [EnqueueOption] = [.maxRetries(4)]
        var order: Int
    }

    private func withQueue(_ body: (Database, PostgresEngine, JobQueue) async throws -> Void) async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            var options = PostgresEngineOptions()
            options.schema = database.schema.name
            let queue = try JobQueue(
                engine: .postgres(database.url.text, options),
                configuration: JobQueueConfiguration(defaultQueue: "q"))
            try await body(database, engines[0], queue)
            await queue.shutdown()
        }
    }

    @Test("what is rolled back never was, and what is committed is there with all that goes with it")
    func transaction() async throws {
        try await withQueue { database, engine, queue in
            let connection = try PlainConnection(database.url.text)
            let statement = try queue.statement(for: Ship(order: 7), .priority(3), schema: database.schema.name)
            try connection.run("CREATE TABLE \(database.schema.name).orders (n int)")
            for end in ["ROLLBACK", "COMMIT"] {
                try connection.run("BEGIN")
                try connection.run("INSERT INTO \(database.schema.name).orders VALUES (7)")
                let id = try connection.run(statement.text, statement.parameters)
                try connection.run(end)
                let jobs = try await engine.claim(claim()).jobs
                #expect(jobs.map { $0.message.id.description } == (end == "COMMIT" ? [id ?? "none"] : []))
                #expect(try await database.sql("SELECT count(*) FROM spanq.orders") == (end == "COMMIT" ? "1" : "0"))
                #expect(jobs.allSatisfy { $0.message.type == "order:ship" && $0.message.maxRetries == 4 })
            }
        }
    }

    @Test("each option is what it is when the queue enqueues the job itself")
    func options() async throws {
        try await withQueue { database, engine, queue in
            try await database.freezeClock()
            let moment = Timestamp(milliseconds: 1_800_000_123_456)
            var caller = ServiceContext.topLevel
            caller.traceContext = .root()
            let all: [[EnqueueOption]] = [
                [], [.priority(9)], [.queue("other")], [.delay(.milliseconds(1_234_567))], [.delay(.zero)],
                [.runAt(moment)], [.maxRetries(0)], [.timeout(.milliseconds(1))], [.timeout(.hours(24 * 3650))],
                [.deadline(moment)], [.unique(key: "a 'b' $1 \\ ü", .untilFinished)],
                [.unique(key: "k", .duration(.milliseconds(999)))],
                [.id("mine:1"), .priority(1), .timeout(.seconds(2)), .deadline(moment), .delay(.seconds(1))],
            ]
            let connection = try PlainConnection(database.url.text)
            for options in all {
                let request = EnqueueRequest(Ship(order: 7), options)
                let (statement, receipt) = try await ServiceContext.withValue(caller) {
                    let receipt = try await queue.enqueue(request)
                    return (try queue.statement(for: request, schema: database.schema.name), receipt)
                }
                let ours = try #require(try await engine.job(receipt.id, in: receipt.queue))
                // The same id and the same lock can be taken once.
                _ = try await engine.perform(.cancel(reason: ""), on: receipt.id, in: receipt.queue, by: nil)
                _ = try await engine.perform(.remove, on: receipt.id, in: receipt.queue, by: nil)
                try await database.sql("DELETE FROM spanq.lock")
                let id = JobID(unchecked: try #require(try connection.run(statement.text, statement.parameters)))
                let theirs = try #require(try await engine.job(id, in: receipt.queue), "\(statement)")
                var message = theirs.message
                #expect(options.count < 5 || id == "mine:1")
                #expect(message.payload == Array(#"{"order": 7}"#.utf8))
                (message.id, message.payload, message.contentDigest) = (
                    ours.message.id, ours.message.payload, ours.message.contentDigest
                )
                #expect(message == ours.message, "\(statement)")
                #expect(theirs.state == ours.state && theirs.dueAt == ours.dueAt)
                _ = try await engine.perform(.cancel(reason: ""), on: id, in: receipt.queue, by: nil)
                _ = try await engine.perform(.remove, on: id, in: receipt.queue, by: nil)
            }
        }
    }

    @Test("a deadline by its distance counts from the statement")
    func distance() async throws {
        try await withQueue { database, engine, queue in
            let statement = try queue.statement(
                for: Ship(order: 1), .deadline(after: .hours(1)), schema: database.schema.name)
            let id = try PlainConnection(database.url.text).run(statement.text, statement.parameters)
            let record = try #require(try await engine.job(JobID(unchecked: id ?? ""), in: "q"))
            let distance = try #require(record.message.deadline) - record.message.enqueuedAt
            #expect(abs(distance.milliseconds - 3_600_000) < 1000)
        }
    }

    @Test("texts that look like SQL are texts")
    func hostile() async throws {
        try await withQueue { database, engine, queue in
            let connection = try PlainConnection(database.url.text)
            for text in ["'; DROP TABLE spanq.job; --", "$2", "\\'); --", "\u{2019} %s", "\"}'::jsonb) --"] {
                let statement = try queue.statement(
                    for: EnqueueRequest(
                        type: "t", payload: Array(try JSONEncoder().encode(["a": text])),
                        options: [.unique(key: text, .untilFinished)]), schema: database.schema.name)
                #expect(!statement.text.contains(text) || text == "$2")
                try connection.run(statement.text, statement.parameters)
                let claimed = try #require(try await engine.claim(claim(1)).jobs.first)
                let payload = try JSONDecoder().decode([String: String].self, from: Data(claimed.message.payload))
                #expect(payload == ["a": text])
            }
        }
    }

    @Test("what SQL does not have, or does not take, is refused before it is sent")
    func refused() async throws {
        try await withQueue { _, _, queue in
            let cases: [(options: [EnqueueOption], code: SpanQueueError.Code, words: String)] = [
                ([.tags(["a"])], .unsupported, ".tags"),
                ([.retryPolicy(.constant(.seconds(1)))], .unsupported, ".retry"),
                ([.retention(for: .zero)], .unsupported, ".retention"),
                ([.unique(for: .seconds(1))], .unsupported, "without a key"),
                ([.unique(key: "k", .untilStarted)], .unsupported, "uniqueUntilStarted"),
                ([.priority(10)], .invalidArgument, "priority"), ([.queue("a b")], .invalidArgument, "queue"),
            ]
            for (options, code, words) in cases {
                let error = #expect(throws: SpanQueueError.self) {
                    try queue.statement(for: EnqueueRequest(Ship(order: 1), options))
                }
                #expect(error?.code == code && error?.message.contains(words) == true, "\(words)")
            }
            for (payload, schema, code) in [
                ([0xFF], "spanq", .invalidArgument), ([0x31], "a b", .invalidArgument),
                ([UInt8](repeating: 0x31, count: 1_048_577), "spanq", .tooLarge),
            ] as [([UInt8], String, SpanQueueError.Code)] {
                let error = #expect(throws: SpanQueueError.self) {
                    try queue.statement(for: EnqueueRequest(type: "t", payload: payload), schema: schema)
                }
                #expect(error?.code == code)
            }
        }
    }
}
