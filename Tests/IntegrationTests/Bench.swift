// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueRedis

/// A redis-server, a queue on it and a history file, for one test.
struct Bench {
    let server: RedisServer
    let queue: JobQueue
    let history: String

    static func with(
        _ arguments: [String] = [], program: String? = nil, _ body: (Bench) async throws -> Void
    ) async throws {
        let server = try await RedisServer.start(arguments, program: program)
        defer { server.stop() }
        let queue = try JobQueue(engine: .redis(server.url), logger: .quiet)
        try await queue.connect()
        let bench = Bench(server: server, queue: queue, history: server.directory + "/history")
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(bench))
        } catch {
            result = .failure(error)
        }
        await queue.shutdown()
        try result.get()
    }

    var lines: [HistoryLine] { HistoryLine.read(history) }

    func worker(concurrency: Int = 1, lease: Int = 1000, drain: Int = 2000) throws -> WorkerProcess {
        try WorkerProcess(
            server.url, history: history, concurrency: concurrency, leaseMilliseconds: lease, drainMilliseconds: drain)
    }

    func record(_ id: JobID) async throws -> JobRecord {
        guard let record = try await queue.job(id) else { throw SpanQueueError(.notFound, "no job \(id)") }
        return record
    }

    /// Has redis-cli run a command on the server.
    func cli(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["redis-cli", "-e", "-s", server.socketPath] + arguments
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw SpanQueueError(.unavailable, "redis-cli \(arguments)") }
    }

    func count(_ state: JobState) async throws -> Int {
        try await queue.counts(of: ["default"])[0][state]
    }
}

extension Logger {
    /// Says nothing below critical.
    static var quiet: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }
}

/// What `Tests/IntegrationWorker` handles.
struct Step: Job {
    static let jobType = "test:step"
    var milliseconds = 0
    var failures = 0
    var blocks = false
    var dies = false
}
