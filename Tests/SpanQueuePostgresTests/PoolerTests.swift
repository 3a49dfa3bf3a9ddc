// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import PostgresClient
import PostgresServerFixture
import SpanQueue
import Testing

@testable import SpanQueuePostgres

@Suite("behind a pooler in transaction mode", .enabled(if: Pooler.isThere), .timeLimit(.minutes(3)))
struct PoolerTests {
    @Test(
        "more engines than connections drain a queue, wait for work without notifications, and keep their claims apart")
    func drain() async throws {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        let pooler = try await Pooler.start(for: server, connections: 2)
        defer { pooler.stop() }
        let schema = try PostgresSchema()
        #expect(try await schema.migrate(on: PostgresURL(pooler.url)) == schema.migrations.map(\.number))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var options = PostgresEngineOptions()
        options.commandTimeout = .seconds(30)
        let source = EngineSource.postgres(pooler.url, options)
        let engines = try (0..<4).map { _ in try source.make(EngineEnvironment(logger: logger)) }
        do {
            for engine in engines { try await engine.start() }
            async let waiting: Void = engines[3].waitForWork(in: ["q"], atMost: .minutes(2))
            let jobs = (0..<600).map { number in
                job(
                    unique: number % 10 == 0
                        ? UniqueLock(digest: [UInt8](repeating: UInt8(number / 10), count: 16), span: .untilFinished)
                        : nil)
            }
            _ = try await engines[0].enqueue(jobs)
            try await waiting
            let done = try await withThrowingTaskGroup(of: [JobID].self) { group in
                for engine in engines {
                    group.addTask {
                        var mine: [JobID] = []
                        while true {
                            let claimed = try await engine.claim(claim(20)).jobs
                            if claimed.isEmpty { return mine }
                            let reply = try await engine.extend(claimed.map(\.reference), in: "q", by: .seconds(60))
                            #expect(reply == ExtendReply())
                            _ = try await engine.settleAll(claimed.map { Settlement($0, .complete) })
                            mine += claimed.map(\.message.id)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(done.count == 600 && Set(done) == Set(jobs.map(\.message.id)))
            // No session has kept a setting of ours.
            let kept = try await PostgresScript.run(
                "SELECT current_setting('synchronous_commit') || current_setting('enable_seqscan')",
                on: PostgresURL(pooler.url))
            #expect(kept == "onon")
        } catch {
            for engine in engines { await engine.shutdown() }
            throw error
        }
        for engine in engines { await engine.shutdown() }
    }
}
