// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import RedisServerFixture
import ServiceLifecycle
import SpanQueue
import SpanQueueRedis
import SpanQueueTelemetry
import Testing
import Tracing

@Suite("Edges on a real Redis", .serialized)
struct EdgeTests {
    @Test("a full Redis refuses new work at once with a typed error, lets running work end, and can be cleared")
    func fullRedis() async throws {
        try await Bench.with { bench in
            let worker = try Worker(bench.queue, logger: .quiet)
            try worker.handle(Step.self) { _, _ in
                _ = try setMemoryLimit("1", bench.server)
                let error = await #expect(throws: SpanQueueError.self) { try await bench.queue.enqueue(Step()) }
                #expect(error?.code == .outOfMemory)
            }
            let id = try await bench.queue.enqueue(Step()).id
            try await bench.queue.enqueue(Step(), .delay(.hours(1)))
            let run = Task { try await worker.run() }
            #expect(try await eventually(within: .seconds(5)) { try await bench.record(id).state == .completed })
            worker.drain()
            try await run.value
            let fresh = try JobQueue(engine: .redis(bench.server.url), logger: .quiet)
            #expect(try await fresh.purge("default", .scheduled) == 1)
            await fresh.shutdown()
            _ = try setMemoryLimit("0", bench.server)
            try await bench.queue.enqueue(Step())
        }
    }

    @Test("a redis that evicts jobs is refused, unless that is allowed")
    func eviction() async throws {
        let server = try await RedisServer.start(["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"])
        defer { server.stop() }
        let error = await #expect(throws: SpanQueueError.self) {
            try await JobQueue(engine: .redis(server.url), logger: .quiet).connect()
        }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("maxmemory-policy noeviction") == true)
        var options = RedisEngineOptions()
        options.allowsEviction = true
        let queue = try JobQueue(engine: .redis(server.url, options), logger: .quiet)
        try await queue.connect()
        await queue.shutdown()
    }

    @Test("a layout newer than this program knows is refused")
    func newerLayout() async throws {
        try await Bench.with { bench in
            _ = try redisCLI(["SET", "spanq:layout", "3"], bench.server)
            let error = await #expect(throws: SpanQueueError.self) {
                try await JobQueue(engine: .redis(bench.server.url), logger: .quiet).connect()
            }
            #expect(error?.code == .unsupported)
        }
    }

    @Test("a record that is garbage is buried, one that is missing is dropped, and the queue goes on")
    func damagedRecords() async throws {
        try await Bench.with { bench in
            let garbage = try await bench.queue.enqueue(Step()).id
            let missing = try await bench.queue.enqueue(Step()).id
            let healthy = try await bench.queue.enqueue(Step()).id
            _ = try redisCLI(["HSET", "spanq:{default}:jobs", garbage.description, "garbage"], bench.server)
            _ = try redisCLI(["HDEL", "spanq:{default}:jobs", missing.description], bench.server)
            let worker = try Worker(bench.queue, logger: .quiet)
            try worker.handle(Step.self) { _, _ in }
            try await worker.runOnce()
            let record = try await bench.record(garbage)
            #expect(record.state == .dead)
            #expect(record.run.endReason == "decode_error")
            #expect(record.run.lastError?.contains("can't be read") == true)
            #expect(try await bench.queue.job(missing) == nil)
            #expect(try await bench.record(healthy).state == .completed)
            let counts = try await bench.queue.counts(of: ["default"])[0]
            #expect(counts.totals.enqueued - counts.totals.removed == 2)
        }
    }

    @Test("a group that is cancelled because a service fails still gives running jobs back")
    func cancelledGroup() async throws {
        try await Bench.with { bench in
            let queue = try JobQueue(engine: .redis(bench.server.url), logger: .quiet)
            let worker = try Worker(queue, logger: .quiet)
            try worker.handle(Step.self) { _, _ in try await Task.sleep(for: .seconds(60)) }
            let id = try await bench.queue.enqueue(Step()).id
            let group = ServiceGroup(
                services: [queue, worker, Failing { try await bench.record(id).state == .active }], logger: .quiet)
            await #expect(throws: Failing.Failure.self) { try await group.run() }
            let record = try await bench.record(id)
            #expect(record.state == .ready)
            #expect(record.run.attempts == 0)
        }
    }

    @Test("two jobs of one trace, claimed in one call, have attempts with span ids of their own")
    func spanIDs() async throws {
        try await Bench.with { bench in
            var context = ServiceContext.topLevel
            context.traceContext = .root()
            let trace = context.traceContext
            let ids = try await ServiceContext.withValue(context) {
                try await bench.queue.enqueue([Step(), Step()]).map { try $0.get().id }
            }
            let worker = try Worker(bench.queue, logger: .quiet)
            try worker.handle(Step.self) { _, _ in }
            try await worker.runOnce()
            var spans: Set<SpanID> = []
            for id in ids {
                let record = try await bench.record(id)
                #expect(record.message.trace.traceID == trace?.traceID)
                let attempt = try #require(record.run.attemptRecords.first)
                spans.insert(attempt.spanID(of: id))
            }
            #expect(spans.count == 2)
        }
    }

    private struct Failing: Service {
        struct Failure: Error {}
        let condition: @Sendable () async throws -> Bool

        func run() async throws {
            _ = try await eventually(within: .seconds(5), condition)
            throw Failure()
        }
    }
}

private func setMemoryLimit(_ limit: String, _ server: RedisServer) throws -> String {
    try redisCLI(["CONFIG", "SET", "maxmemory", limit], server)
}

private func redisCLI(_ arguments: [String], _ server: RedisServer) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/redis-cli")
    process.arguments = ["-s", server.socketPath] + arguments
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text
}
