// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import PostgresClient
import PostgresServerFixture
import RedisServerFixture
import SpanQueue
import SpanQueueAdmin
import SpanQueuePostgres
import SpanQueueRedis
import SpanQueueTelemetry
import Testing

/// A pair of engines between which jobs go.
enum Way: String, CaseIterable, CustomTestStringConvertible {
    case redisToPostgres, postgresToRedis, redisToRedis, postgresToPostgres

    var kinds: (from: Kind, to: Kind) {
        switch self {
        case .redisToPostgres: (.redis, .postgres)
        case .postgresToRedis: (.postgres, .redis)
        case .redisToRedis: (.redis, .redis)
        case .postgresToPostgres: (.postgres, .postgres)
        }
    }

    var testDescription: String { rawValue }
}

enum Kind {
    case redis, postgres
}

/// An engine on a server of the tests', with one queue of a test's own.
struct Store: Sendable {
    let engine: any QueueTransfer.Mover & Engine & JobKeeper & ErrorStore & JobSearcher
    let auditor: @Sendable () async throws -> AuditReport
    let queue: String

    private static let redis = [Task { try await RedisServer.start() }, Task { try await RedisServer.start() }]
    private static let postgres = Task { try await PostgresServer.start() }
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Scripts and functions to put in the place of ours: do the tests notice ones that are wrong? As in the conformance suite.
    private static let scripts = Scripts { name, source in
        let directory = ProcessInfo.processInfo.environment["SPANQ_TEST_SCRIPTS"]
        let file = directory.map { URL(fileURLWithPath: "\($0)/\(name).lua") }
        return file.flatMap { try? Data(contentsOf: $0) }.map { [UInt8]($0) } ?? source
    }
    private static let functions = ProcessInfo.processInfo.environment["SPANQ_TEST_SQL"].flatMap {
        try? String(contentsOfFile: $0, encoding: .utf8)
    }

    /// Runs a test on two stores, and shuts their engines down.
    static func with(_ way: Way, _ body: (_ from: Store, _ to: Store) async throws -> Void) async throws {
        let queue = "q-" + String(UInt64.random(in: .min ... .max), radix: 36)
        let from = try await make(way.kinds.from, 0, queue)
        let to = try await make(way.kinds.to, 1, queue)
        do {
            try await body(from, to)
        } catch {
            await from.engine.shutdown()
            await to.engine.shutdown()
            throw error
        }
        await from.engine.shutdown()
        await to.engine.shutdown()
    }

    /// Where a Redis of the tests is.
    static func redisSocket(_ number: Int) async throws -> String { try await redis[number].value.socketPath }

    static func make(_ kind: Kind, _ number: Int, _ queue: String, url: String? = nil) async throws -> Store {
        let environment = EngineEnvironment(logger: logger)
        switch kind {
        case .redis:
            let server = try await redis[number].value
            let url = url ?? server.url
            let engine = try EngineSource.redis(url, RedisEngineOptions(), scripts: scripts).make(environment)
            try await engine.start()
            return Store(
                engine: try #require(
                    engine as? any QueueTransfer.Mover & Engine & JobKeeper & ErrorStore & JobSearcher),
                auditor: {
                    let audit = try await RedisAudit(url, logger: logger)
                    let report = try await audit.run(queues: [queue])
                    await audit.shutdown()
                    return report
                }, queue: queue)
        case .postgres:
            let server = try await postgres.value
            var options = PostgresEngineOptions()
            options.schema = "store\(number)"
            let (schema, address) = (try PostgresSchema(options.schema), try PostgresURL(server.url))
            _ = try await schema.migrate(on: address)
            if let functions { _ = try await PostgresScript.run(schema.own(functions), on: address) }
            let engine = try EngineSource.postgres(server.url, options).make(environment)
            try await engine.start()
            let audit = try #require(PostgresAudit(of: engine))
            return Store(
                engine: try #require(
                    engine as? any QueueTransfer.Mover & Engine & JobKeeper & ErrorStore & JobSearcher),
                auditor: { try await audit.run(queues: [queue]) }, queue: queue)
        }
    }

    // MARK: What there is

    /// All jobs by state, each list in its order.
    func records() async throws -> [JobState: [JobRecord]] {
        var all: [JobState: [JobRecord]] = [:]
        for state in JobState.known {
            var request = ListRequest(queue: queue, state: state, limit: 100)
            var records: [JobRecord] = []
            repeat {
                let page = try await engine.list(request)
                records += page.jobs
                request.cursor = page.cursor
            } while request.cursor != nil
            if !records.isEmpty { all[state] = records }
        }
        return all
    }

    func counts() async throws -> QueueCounts { try #require(try await engine.counts(of: [queue]).first) }

    func expectClean(_ words: String = "") async throws {
        let violations = try await auditor().violations
        #expect(violations.isEmpty, "\(engine.name) \(words)")
    }

    // MARK: Jobs

    func job(
        _ id: String = JobID.random().description, payload: [UInt8] = [1, 2, 3], priority: Int = 0,
        unique: UniqueLock? = nil, retention: Retention = .standard, schedule: Schedule = .now, expiry: Expiry? = nil,
        tags: [String] = []
    ) -> NewJob {
        let message = JobMessage(
            id: JobID(unchecked: id), queue: queue, type: "mail:send", payload: payload, priority: priority,
            maxRetries: 3, backoff: .constant(.seconds(5)), timeout: .seconds(9), deadline: nil, unique: unique,
            retention: retention, tags: tags, trace: .root(), runAt: nil, enqueuedAt: Timestamp(milliseconds: 0),
            contentDigest: 7)
        return NewJob(message: message, schedule: schedule, expiry: expiry)
    }

    static func lock(_ byte: UInt8, _ span: UniqueSpan) -> UniqueLock {
        UniqueLock(digest: [UInt8](repeating: byte, count: UniqueLock.digestBytes), span: span)
    }

    /// Enqueues a job, and claims it, which must be what a claim gives.
    func running(_ job: NewJob) async throws -> ClaimedJob {
        _ = try await engine.enqueue([job])
        let request = ClaimRequest(queue: queue, limit: 1, lease: .seconds(60), worker: "w")
        let claimed = try #require(try await engine.claim(request).jobs.first)
        try #require(claimed.message.id == job.message.id)
        return claimed
    }

    func settle(_ claimed: ClaimedJob, _ verdict: Verdict, _ report: AttemptReport = AttemptReport()) async throws {
        #expect(try await engine.settleAll([Settlement(claimed, verdict, report)]) == [.settled])
    }

    /// Claims all that is ready and completes it; gives the ids in the order of the claims.
    func drain() async throws -> [String] {
        var ids: [String] = []
        while true {
            let request = ClaimRequest(queue: queue, limit: 50, lease: .seconds(60), worker: "drain")
            let reply = try await engine.claim(request)
            guard !reply.jobs.isEmpty else { return ids }
            ids += reply.jobs.map(\.message.id.description)
            for job in reply.jobs { try await settle(job, .complete) }
        }
    }

    /// Fills the queue with jobs in every state but active.
    func fill() async throws {
        let failure = AttemptReport(errorType: "DiskFull", error: "no space on 17", fingerprint: 0xFEED)
        // What has run comes first, so that claims meet nothing else.
        try await settle(running(job("completed")), .complete, AttemptReport(result: [9, 9]))
        try await settle(running(job("kept", retention: .duration(.hours(5)))), .complete)
        for number in 0..<3 {
            try await settle(running(job("dead-\(number)", tags: ["t"])), .bury(.permanent), failure)
        }
        try await settle(
            running(job("retrying", priority: 4, unique: Self.lock(1, .untilFinished))), .retry(after: .hours(1)),
            failure)
        try await settle(
            running(job("started", unique: Self.lock(2, .untilStarted))), .retry(after: .hours(2)), failure)
        let released = try await running(job("released"))
        #expect(try await engine.report(JobProgress(fraction: 0.25, note: "half of a half"), on: released))
        _ = try await engine.enqueue([
            job("timed", unique: Self.lock(3, .duration(.hours(3)))), job("plain-0"), job("plain-1", payload: []),
            job("high", priority: 9), job("middle", priority: 5, tags: ["a", "b"]),
            job("held", unique: Self.lock(4, .untilFinished)), job("waits", unique: Self.lock(5, .untilStarted)),
            job("late", expiry: .after(.hours(9))), job("plain-2"),
            // It has the lock that another job gave up with its start.
            job("second", unique: Self.lock(2, .untilStarted)),
        ])
        let again = try #require(try await engine.job("released", in: queue))
        #expect(again.state == .active)
        try await settle(released, .release)
        _ = try await engine.enqueue([
            job("scheduled-0", priority: 2, schedule: .after(.hours(1))),
            job(
                "scheduled-1", unique: Self.lock(6, .untilFinished),
                schedule: .at(Timestamp(milliseconds: 4_102_444_800_000))),
            job("scheduled-2", schedule: .after(.hours(2))), job("cancelled", schedule: .after(.hours(1))),
        ])
        #expect(
            try await engine.perform(.cancel(reason: "not wanted"), on: "cancelled", in: queue, by: "ada")
                == .done(.cancelled))
        // A lock that outlives its job.
        _ = try await engine.enqueue([
            job("gone", unique: Self.lock(7, .duration(.hours(3))), schedule: .after(.hours(1)))
        ])
        #expect(try await engine.perform(.remove, on: "gone", in: queue, by: nil) == .done(nil))
        let error = ErrorCount(
            fingerprint: 0xFEED, jobType: "mail:send", errorType: "DiskFull", masked: "no space on #", count: 5)
        try await engine.add([error], to: queue, version: "1.2")
    }

    /// In the order of a claim.
    static let readyOrder = [
        "high", "middle", "released", "timed", "plain-0", "plain-1", "held", "waits", "late", "plain-2", "second",
    ]
}

extension QueueTransfer {
    init(
        _ from: Store, _ to: Store, isCopy: Bool = false, step: @escaping @Sendable () async throws -> Void = {}
    ) {
        self.init(from.queue, from: from.engine, to: to.engine, isCopy: isCopy, step: step)
    }
}
