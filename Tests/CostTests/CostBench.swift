// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueLoop
import SpanQueueRedis

/// A redis-server, a queue on it, and a count of what Redis has run.
struct CostBench {
    let queue: JobQueue
    private let probe: RedisClient

    static func with(_ body: (CostBench) async throws -> Void) async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let loop = LoopThread(name: "probe")
        defer { loop.stop() }
        let probe = RedisClient(url: try RedisURL(server.url), name: "probe", loop: loop, logger: logger)
        let queue = try JobQueue(engine: .redis(server.url), logger: logger)
        try await queue.connect()
        let result: Result<Void, any Error>
        do {
            let bench = CostBench(queue: queue, probe: probe)
            try await bench.connectForLeases()
            result = .success(try await body(bench))
        } catch {
            result = .failure(error)
        }
        await queue.shutdown()
        await probe.close()
        try result.get()
    }

    /// Heartbeats and settlements have a connection of their own, which the first of them makes.
    private func connectForLeases() async throws {
        try await queue.enqueue(type: "t", payload: [], .queue("connect"))
        let request = ClaimRequest(queue: "connect", limit: 1, lease: .seconds(600), worker: "w")
        let claims = try await queue.engine.claim([request])[0].get().jobs.map(\.reference)
        _ = try await queue.engine.extend([LeaseBatch(queue: "connect", claims: claims, lease: .seconds(600))])
    }

    /// Says that somebody watches the queue, as if they were elsewhere.
    func watch() async throws {
        let until = Timestamp(milliseconds: try await queue.engine.now().milliseconds + 600_000)
        _ = try await probe.send(
            RESPCommand("HSET", "spanq:{default}:meta", "watch", "\(until.milliseconds)"), idempotent: true)
    }

    /// The commands that Redis ran meanwhile, by name: those that clients sent, and those that their scripts called.
    func commands(_ work: () async throws -> Void) async throws -> [String: Int] {
        _ = try await probe.send(RESPCommand("CONFIG", "RESETSTAT"), idempotent: true)
        try await work()
        let text = try await probe.send(RESPCommand("INFO", "commandstats"), idempotent: true).string()
        var counts: [String: Int] = [:]
        // Such as `cmdstat_evalsha:calls=12,usec=345,…`.
        for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix("cmdstat_") {
            let parts = line.dropFirst("cmdstat_".count).split(separator: ":", maxSplits: 1)
            let calls = parts.last?.prefix { $0 != "," }.split(separator: "=").last
            counts[String(parts[0])] = calls.flatMap { Int($0) }
        }
        for own in ["config|resetstat", "info"] { counts[own] = nil }
        return counts
    }
}

/// A job that does nothing, with a payload of about 200 bytes.
struct Idle: Job {
    static let jobType = "test:idle"
    var filling = String(repeating: "x", count: 180)
}
