// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueTelemetry
import Testing

@testable import SpanQueueRedis

@Suite("Connections of enqueues that wait for replicas", .timeLimit(.minutes(2)))
struct DurableCallTests {
    @Test("any number of calls at once share two, which are closed when nobody needs them")
    func shared() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let watcher = try await RedisEngine.started(
            server.url, RedisEngineOptions(), scripts: .embedded, logger: logger)
        func connections() async throws -> Int {
            let list = try await watcher.send(RESPCommand("CLIENT", "LIST")).string()
            return list.split(separator: "\n").count { $0.contains(" name=spanq-wait ") }
        }
        var options = RedisEngineOptions()
        // There is none: each call waits for its whole time.
        options.durability = .replicas(1)
        options.commandTimeout = .seconds(3)
        let engine = RedisEngine(
            url: try RedisURL(server.url), options: options, environment: EngineEnvironment(logger: logger),
            idleLimit: .milliseconds(300))
        let queue = try JobQueue(engine: EngineSource { _ in engine }, telemetry: JobTelemetry(), logger: logger)
        let most = try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    // An array, which no group commit takes in.
                    let requests = [EnqueueRequest(type: "t", payload: []), EnqueueRequest(type: "t", payload: [])]
                    let error = await #expect(throws: SpanQueueError.self) { try await queue.enqueue(requests) }
                    #expect(error?.message.contains("0 of 1 replicas") == true, "\(error?.message ?? "")")
                }
            }
            var most = 0
            while !group.isEmpty, most < 100 {
                most = max(most, try await connections())
                if most > 0, try await watcher.counts(of: ["default"]).first?[.ready] == 200 { break }
                try await Task.sleep(for: .milliseconds(5))
            }
            most = max(most, try await connections())
            try await group.waitForAll()
            return max(most, try await connections())
        }
        #expect((1...2).contains(most), "\(most) connections")
        let end = ContinuousClock.now + .seconds(60)
        while try await connections() > 0, .now < end { try await Task.sleep(for: .milliseconds(20)) }
        #expect(try await connections() == 0)
        await queue.shutdown()
        await watcher.shutdown()
    }
}
