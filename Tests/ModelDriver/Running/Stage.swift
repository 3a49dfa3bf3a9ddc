// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import Logging
import RedisServerFixture
package import SpanQueue
import SpanQueueLoop
package import SpanQueueRedis
import SpanQueueTesting

/// A real redis-server whose clock stands still, and the real engine on it. Runs follow one another on it.
package final class Stage: ModelStage {
    static let faults = Fault.ofRedis
    static let storage = MemoryQueue.Storage.keys
    /// The queue of all runs.
    package static let queue = "model"

    let server: RedisServer
    let time: ServerTime
    package let engine: any Engine
    /// Must find nothing, whatever happens.
    private let audit: RedisAudit
    /// A connection of our own, for looking and for faults.
    let client: RedisClient
    private let loop: LoopThread

    /// How the engine is set up: short retentions, so that a run sees their ends.
    static let options: RedisEngineOptions = {
        var options = RedisEngineOptions()
        options.commandTimeout = .minutes(5)
        options.retention = .seconds(60)
        options.retentionCount = 3
        options.deadRetention = .seconds(90)
        // So few that the queues of a run have jobs that stand deep.
        options.nearEntries = 2
        return options
    }()

    /// Whether it is a node of a Redis Cluster, which is never a replica of nobody.
    let isCluster: Bool
    /// Whether the server's clock goes on within the millisecond that was set, by another clock, as that of Valkey 9 does. Tokens,
    /// which are microseconds, show it.
    let clockCreeps: Bool

    /// Starts a server.
    ///
    /// - Parameter asCluster: as the only node of a Redis Cluster, which refuses scripts that touch two hash slots.
    package static func start(scripts: Scripts = .embedded, asCluster: Bool = false) async throws -> Stage {
        let time = try ServerTime()
        // Nobody talks to the port of the cluster's bus, but it can't be had without one.
        let arguments = ["--cluster-enabled", "yes", "--cluster-port", "\(Int.random(in: 20_000..<60_000))"]
        let server = try await RedisServer.start(asCluster ? arguments : [], environment: time.environment)
        let stage = try await Stage(server: server, time: time, scripts: scripts, isCluster: asCluster)
        do {
            // Another time than it was started with: the shim may be without effect.
            try await stage.setTime(time.now + .seconds(3600))
            try await stage.engine.start()
        } catch {
            await stage.stop()
            throw error
        }
        return stage
    }

    /// Sets the server's clock, and waits until the server has looked at it: Valkey 9 does so every millisecond, Redis for each call.
    func setTime(_ moment: Timestamp) async throws {
        time.now = moment
        let deadline = ContinuousClock.now + .seconds(10)
        while try await serverTime() != moment {
            try require(
                ContinuousClock.now < deadline,
                "the clock shim does not reach the server: it must be linked dynamically, as Debian's redis-server is")
        }
    }

    private func serverTime() async throws -> Timestamp {
        var cursor = RESPCursor(try await client.send(RESPCommand("TIME"), idempotent: true))
        try cursor.nextArray(of: 2)
        let seconds = try cursor.nextDecimal()
        return Timestamp(milliseconds: try seconds * 1000 + cursor.nextDecimal() / 1000)
    }

    private static func takeAllSlots(_ client: RedisClient, _ time: ServerTime) async throws {
        _ = try await client.send(RESPCommand("CLUSTER", "ADDSLOTSRANGE", "0", "16383"), idempotent: true)
        let deadline = ContinuousClock.now + .seconds(20)
        while try await !client.send(RESPCommand("CLUSTER", "INFO"), idempotent: true).string().contains("state:ok") {
            try require(ContinuousClock.now < deadline, "the cluster does not get ready")
            // A node takes no writes for two seconds of its own clock.
            time.now = time.now + .seconds(1)
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private init(server: RedisServer, time: ServerTime, scripts: Scripts, isCluster: Bool) async throws {
        self.isCluster = isCluster
        var logger = Logger(label: "model")
        logger.logLevel = .critical
        self.server = server
        self.time = time
        loop = LoopThread(name: "model")
        client = RedisClient(url: try RedisURL(server.url), name: "model", loop: loop, logger: logger)
        let source = EngineSource.redis(server.url, Self.options, scripts: scripts)
        engine = try source.make(EngineEnvironment(logger: logger))
        let about = try await client.send(RESPCommand("INFO", "server"), idempotent: true).string()
        clockCreeps = about.contains("valkey_version:")
        if isCluster { try await Self.takeAllSlots(client, time) }
        audit = try await RedisAudit(server.url, Self.options, scripts: scripts, logger: logger)
    }

    /// Stops the server.
    package func stop() async {
        await engine.shutdown()
        await audit.shutdown()
        await client.close()
        loop.stop()
        server.stop()
    }

    /// Empties the server and sets its clock back to where every run begins.
    package func reset() async throws {
        try await setTime(ServerTime.start)
        // What the engine believes of the server's clock must not be left from another run.
        _ = try await engine.reclaim(ReclaimRequest(queue: "another"))
        // The engine names a queue once a connection, and the connection outlives the run.
        for command in [["FLUSHALL"], ["SADD", "spanq:{@}:queues", Self.queue]] { try await send(command) }
    }

    /// Sends a command of Redis, for its effect.
    package func send(_ words: [String]) async throws {
        var command = RESPCommand(words[0])
        for word in words.dropFirst() { command.append(word) }
        _ = try await client.send(command, idempotent: true)
    }

    /// How many clients Redis keeps waiting.
    package func blockedClients() async throws -> Int {
        let info = try await client.send(RESPCommand("INFO", "clients"), idempotent: true).string()
        let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("blocked_clients:") }
        return line.flatMap { Int($0.dropFirst(16)) } ?? 0
    }

    /// Moves the server's clock on.
    package func advance(by duration: Duration) async throws { try await setTime(time.now + duration) }

    /// A plain job.
    package func job(_ number: Int) -> NewJob {
        var generator = SeededGenerator(seed: 0)
        var job = JobMaker.make(number, at: time.now, &generator)
        job.schedule = .now
        job.message.priority = 0
        job.message.unique = nil
        job.message.contentDigest = nil
        return job
    }

    var now: Timestamp { time.now }

    func read() async throws -> Keyspace { try await Keyspace.read(client, queue: Self.queue) }

    /// What an audit of the whole server finds.
    func findings(maxReclaims: Int) async throws -> [AuditViolation] {
        try await audit.run(maxReclaims: maxReclaims).violations
    }

    // MARK: What a disk would keep

    /// The value of every key.
    func saved() async throws -> [(key: String, value: [UInt8])] {
        let keys = try await read().keys
        let dumps = try await client.pipeline(keys.map { RESPCommand("DUMP", $0) }, idempotent: true)
        return try zip(keys, dumps).compactMap { key, dump in
            try dump.get().optionalBytes().map { (key, $0) }
        }
    }

    /// Puts every key back.
    func restore(_ saved: [(key: String, value: [UInt8])]) async throws {
        try await send(["FLUSHALL"])
        let commands = saved.filter { !$0.key.hasPrefix("spanq:{@}:worker:") }.map { key, value in
            var command = RESPCommand("RESTORE", key, "0")
            command.append(value)
            return command
        }
        for reply in try await client.pipeline(commands, idempotent: true) { _ = try reply.get() }
    }

    // MARK: Faults

    func swallowWakeUp() async throws { try await send(["LPOP", "spanq:{\(Self.queue)}:wake"]) }

    func isLate(_ error: SpanQueueError) -> Bool { error.message.hasPrefix("LATE") }

    func bring(_ fault: Fault, on call: Call, choice: UInt64) async throws -> Trouble {
        switch fault {
        case .noScript: try await send(["SCRIPT", "FLUSH"])
        case .outOfMemory:
            try await send(["CONFIG", "SET", "maxmemory", "1"])
            return Trouble(refusal: .outOfMemory) { [self] in
                try await send(["CONFIG", "SET", "maxmemory", "0"])
                return call.isRefusedWhenFull
            }
        // A node of a cluster has no REPLICAOF.
        case .readOnly where !isCluster:
            try await send(["REPLICAOF", "127.0.0.1", "1"])
            let promotion = Task {
                try await Task.sleep(for: .milliseconds(3))
                try await send(["REPLICAOF", "NO", "ONE"])
            }
            return Trouble(refusal: call.isIdempotent ? nil : .unavailable) {
                try await promotion.value
                return nil
            }
        default: break
        }
        return Trouble()
    }
}
