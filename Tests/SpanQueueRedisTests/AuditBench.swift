// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import Logging
import ModelDriver
import RedisServerFixture
import SpanQueue
import SpanQueueTelemetry
import Testing

@testable import SpanQueueRedis

/// A queue on a real Redis, an audit of it, and raw commands to do damage with.
struct AuditBench: Sendable {
    let server: RedisServer
    let engine: RedisEngine
    let audit: RedisAudit
    let queue = "q"

    static func with(
        _ arguments: [String] = [], environment: [String: String] = [:], nearEntries: Int = 10_000,
        changing: (_ name: String, _ source: [UInt8]) -> [UInt8] = { $1 },
        _ body: (AuditBench) async throws -> Void
    ) async throws {
        let server = try await RedisServer.start(arguments, environment: environment)
        defer { server.stop() }
        let logger = Logger(label: "audit-tests")
        // Scripts/mutants asks for others.
        let directory = ProcessInfo.processInfo.environment["SPANQ_TEST_SCRIPTS"]
        let replaced = directory.map { directory in
            { (name: String) -> [UInt8]? in
                (try? Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(name).lua"))).map { [UInt8]($0) }
            }
        }
        let scripts = Scripts { name, source in changing(name, replaced?(name) ?? source) }
        var options = RedisEngineOptions()
        options.commandTimeout = .seconds(30)
        options.retentionCount = 500
        options.nearEntries = nearEntries
        let engine = RedisEngine(
            url: try RedisURL(server.url), options: options, scripts: scripts,
            environment: EngineEnvironment(logger: logger))
        try await engine.start()
        let audit = try await RedisAudit(server.url, options, scripts: scripts, logger: logger)
        do {
            try await body(AuditBench(server: server, engine: engine, audit: audit))
        } catch {
            await audit.shutdown()
            await engine.shutdown()
            throw error
        }
        await audit.shutdown()
        await engine.shutdown()
    }

    /// Sends a command as one would type it into redis-cli; a word that begins with `:` is a key of the queue.
    @discardableResult
    func redis(_ words: String...) async throws -> RESPReply {
        var command = RESPCommand(words[0])
        for word in words.dropFirst() { command.append(word.hasPrefix(":") ? "spanq:{\(queue)}\(word)" : word) }
        return try await engine.send(command)
    }

    /// A command whose last argument is bytes.
    func redis(_ words: [String], _ bytes: [UInt8]) async throws {
        var command = RESPCommand(words[0])
        for word in words.dropFirst() { command.append(word.hasPrefix(":") ? "spanq:{\(queue)}\(word)" : word) }
        command.append(bytes)
        _ = try await engine.send(command)
    }

    // MARK: Jobs

    func job(
        _ id: String, payload: [UInt8] = [1, 2, 3], priority: Int = 0, maxRetries: Int = 3, unique: UniqueLock? = nil,
        retention: Retention = .standard, delay: Duration? = nil
    ) -> NewJob {
        let message = JobMessage(
            id: JobID(unchecked: id), queue: queue, type: "test", payload: payload, priority: priority,
            maxRetries: maxRetries, backoff: nil, timeout: nil, deadline: nil, unique: unique, retention: retention,
            tags: [], trace: .root(), runAt: nil, enqueuedAt: Timestamp(milliseconds: 0), contentDigest: nil)
        return NewJob(message: message, schedule: delay.map { .after($0) } ?? .now, expiry: nil)
    }

    /// A digest as a word of a command; of bytes below 128.
    static func text(_ byte: UInt8) -> String { String(decoding: digest(byte), as: UTF8.self) }

    static func digest(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: UniqueLock.digestBytes) }

    func lock(_ byte: UInt8, _ span: UniqueSpan) -> UniqueLock { UniqueLock(digest: Self.digest(byte), span: span) }

    func enqueue(_ jobs: NewJob...) async throws { _ = try await engine.enqueue(jobs) }

    func claim(_ limit: Int = 1, lease: Duration = .hours(1)) async throws -> [ClaimedJob] {
        let request = ClaimRequest(queue: queue, limit: limit, lease: lease, worker: "worker-1")
        return try await engine.claim(request).jobs
    }

    /// Enqueues a job on the empty queue, and claims it.
    func start(_ job: NewJob, lease: Duration = .hours(1)) async throws -> ClaimedJob {
        try await enqueue(job)
        return try #require(try await claim(lease: lease).first)
    }

    func settlement(of claimed: ClaimedJob, _ verdict: Verdict) -> Settlement {
        Settlement(claimed, verdict)
    }

    func settle(_ claimed: ClaimedJob, _ verdict: Verdict) async throws {
        _ = try await engine.settleAll([settlement(of: claimed, verdict)])
    }

    func perform(_ action: JobAction, on id: String) async throws {
        _ = try await engine.perform(action, on: JobID(unchecked: id), in: queue)
    }

    func add(_ jobs: NewJob...) async throws -> [EnqueueOutcome] { try await engine.enqueue(jobs) }

    func extend(_ claims: [ClaimReference]) async throws -> ExtendReply {
        try await engine.extend(claims, in: queue, by: .hours(1))
    }

    func sweep() async throws { while try await engine.sweep(queue) > 0 {} }

    func pause() async throws { try await engine.pause(queue) }

    func resume() async throws { _ = try await engine.resume(queue) }

    func counts() async throws -> QueueCounts { try #require(try await engine.counts(of: [queue]).first) }

    func record(_ id: String) async throws -> JobRecord? { try await engine.job(JobID(unchecked: id), in: queue) }

    func announce(_ worker: String) async throws {
        try await engine.announce(
            WorkerInfo(
                id: worker, host: "h", pid: 1, queues: [queue], concurrency: 1, busy: 0,
                startedAt: Timestamp(milliseconds: 1), version: "1"), lifetime: .seconds(30))
    }

    /// A queue with jobs in every state, and with what can be special about them.
    func fill() async throws {
        try await settle(start(job("completed")), .complete)
        try await settle(start(job("completed-2")), .complete)
        try await settle(start(job("forgotten", retention: .none)), .complete)
        try await settle(start(job("retained", retention: .duration(.hours(1)))), .complete)
        try await settle(start(job("dead")), .bury(.permanent))
        try await settle(start(job("dead-lock", unique: lock(1, .untilFinished))), .bury(.permanent))
        try await settle(start(job("retrying", unique: lock(2, .untilStarted))), .retry(after: .hours(1)))
        try await settle(start(job("retrying-9", priority: 9)), .retry(after: .hours(1)))
        // Taken back from a worker that died, until it is buried.
        for round in 0..<3 {
            if round == 0 { try await enqueue(job("poison")) }
            _ = try await claim(lease: .milliseconds(1))
            try await Task.sleep(for: .milliseconds(10))
            #expect(try await engine.reclaim(ReclaimRequest(queue: queue, maxReclaims: 3)).count == 1)
        }
        try await settle(start(job("redriven", unique: lock(3, .untilFinished))), .bury(.permanent))
        try await perform(.redrive, on: "redriven")
        try await settle(try #require(try await claim().first), .release)
        try await enqueue(job("buried"))
        try await perform(.bury(reason: ""), on: "buried")
        try await enqueue(job("cancelled", unique: lock(4, .untilFinished)))
        try await perform(.cancel(reason: "enough"), on: "cancelled")
        try await enqueue(job("removed", unique: lock(5, .untilStarted)))
        try await perform(.remove, on: "removed")
        let redriven = try #require(try await claim().first)
        _ = try await start(job("active", unique: lock(6, .untilFinished)))
        _ = try await start(job("active-cancelling", unique: lock(7, .untilStarted)))
        try await perform(.cancel(reason: ""), on: "active-cancelling")
        try await settle(redriven, .release)
        try await enqueue(
            job("ready"), job("ready-2"), job("priority", priority: 5), job("scheduled", delay: .hours(1)),
            job("scheduled-9", priority: 9, unique: lock(8, .untilStarted), delay: .hours(1)),
            job("unique", unique: lock(9, .untilFinished)), job("until-started", unique: lock(10, .untilStarted)),
            job("for-a-time", unique: lock(11, .duration(.hours(1)))),
            job("lapsed", unique: lock(12, .duration(.milliseconds(1)))))
        // The lock for a time outlives its owner.
        try await enqueue(job("gone", unique: lock(13, .duration(.hours(1)))))
        try await perform(.remove, on: "gone")
        try await announce("w")
        try await Task.sleep(for: .milliseconds(5))
        // Takes over the lock that has run out before any sweep has seen it.
        try await enqueue(job("successor", unique: lock(12, .untilFinished)))
    }
}

/// What a test expects to be found.
struct Finding: Hashable, CustomStringConvertible {
    let rule: AuditRule
    let subject: String

    init(_ rule: AuditRule, _ subject: String) {
        self.rule = rule
        self.subject = subject
    }

    var description: String { "\(rule.rawValue) \(subject)" }
}

extension AuditReport {
    var findings: Set<Finding> { Set(violations.map { Finding($0.rule, $0.subject) }) }
}

extension EnqueueOutcome {
    /// Who holds the lock that the job wanted, if that is why it was not added.
    var owner: JobID? {
        if case .duplicate(let job) = self { job.id } else { nil }
    }
}
