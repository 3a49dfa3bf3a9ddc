// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueRedis
import SpanQueueTelemetry
import Testing

@Suite("The start of an engine", .serialized, .timeLimit(.minutes(1)))
struct EngineStartTests {
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private func options(_ timeout: Duration = .seconds(5), waits: Bool = true) -> RedisEngineOptions {
        var options = RedisEngineOptions()
        options.commandTimeout = timeout
        options.waitsForServer = waits
        return options
    }

    /// The threads of this process that belong to Redis engines.
    private var threads: Int {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        return tasks.count { task in
            let name = try? String(contentsOfFile: "/proc/self/task/\(task)/comm", encoding: .utf8)
            return name?.hasPrefix("spanq-redis") == true
        }
    }

    #if os(Linux)
        @Test("one that fails leaves no thread and no connection")
        func failed() async throws {
            let before = threads
            for _ in 0..<10 {
                await #expect(throws: SpanQueueError.self) {
                    let queue = try JobQueue(
                        engine: .redis("unix:///nowhere/redis.sock", options(.milliseconds(100), waits: false)),
                        logger: logger)
                    try await queue.connect()
                }
            }
            let server = try await RedisServer.start(["--maxmemory-policy", "allkeys-lru"])
            defer { server.stop() }
            for _ in 0..<10 {
                await #expect(throws: SpanQueueError.self) {
                    try await JobQueue(engine: .redis(server.url, options()), logger: logger).connect()
                }
            }
            let deadline = ContinuousClock.now + .seconds(20)
            while threads > before, .now < deadline { try await Task.sleep(for: .milliseconds(10)) }
            #expect(threads <= before)
        }
    #endif

    @Test(
        "a Redis that was never used and takes no writes can be looked at",
        arguments: [["--min-replicas-to-write", "1"], ["--maxmemory", "1", "--maxmemory-policy", "noeviction"]])
    func readOnly(arguments: [String]) async throws {
        let server = try await RedisServer.start(arguments)
        defer { server.stop() }
        let queue = try JobQueue(engine: .redis(server.url, options(.seconds(3))), logger: logger)
        #expect(try await queue.counts().isEmpty)
        let error = await #expect(throws: SpanQueueError.self) {
            try await queue.enqueue(type: "t", payload: [])
        }
        #expect(error?.code == .unavailable || error?.code == .outOfMemory)
        #expect(error?.mayHaveRun == false)
        await queue.shutdown()
    }

    @Test("a Redis that has as many clients as it takes is quoted")
    func crowded() async throws {
        let server = try await RedisServer.start(["--maxclients", "1"])
        defer { server.stop() }
        let first = try JobQueue(engine: .redis(server.url, options()), logger: logger)
        try await first.connect()
        let error = await #expect(throws: SpanQueueError.self) {
            try await JobQueue(engine: .redis(server.url, options(.seconds(3))), logger: logger).connect()
        }
        #expect(error?.message.contains("max number of clients") == true, "\(error?.message ?? "")")
        await first.shutdown()
    }
}
