import HiredisClient
import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueLoop
package import SpanQueueRedis

/// A real redis-server whose clock stands still, and the real engine on it. Runs follow one another on it.
package final class Stage: Sendable {
    static let queue = "model"

    let server: RedisServer
    let time: ServerTime
    let engine: any Engine
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
        return options
    }()

    /// Starts a server.
    package static func start(scripts: Scripts = .embedded) async throws -> Stage {
        let time = try ServerTime()
        let server = try await RedisServer.start(environment: time.environment)
        return try await Stage(server: server, time: time, scripts: scripts)
    }

    private init(server: RedisServer, time: ServerTime, scripts: Scripts) async throws {
        var logger = Logger(label: "model")
        logger.logLevel = .critical
        self.server = server
        self.time = time
        loop = LoopThread(name: "model")
        client = RedisClient(url: try RedisURL(server.url), name: "model", loop: loop, logger: logger)
        let source = EngineSource.redis(server.url, Self.options, scripts: scripts)
        engine = try source.make(EngineEnvironment(logger: logger))
        try await engine.start()
    }

    /// Stops the server.
    package func stop() async {
        await engine.shutdown()
        await client.close()
        loop.stop()
        server.stop()
    }

    /// Empties the server and sets its clock back to where every run begins.
    func reset() async throws {
        time.now = ServerTime.start
        // The engine names a queue once a connection, and the connection outlives the run.
        for command in [["FLUSHALL"], ["SADD", "spanq:queues", Self.queue]] { try await send(command) }
    }

    func send(_ words: [String]) async throws {
        var command = RESPCommand(words[0])
        for word in words.dropFirst() { command.append(word) }
        _ = try await client.send(command, idempotent: true)
    }

    func read() async throws -> Keyspace { try await Keyspace.read(client, queue: Self.queue) }

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
        let commands = saved.filter { !$0.key.hasPrefix("spanq:worker:") }.map { key, value in
            var command = RESPCommand("RESTORE", key, "0")
            command.append(value)
            return command
        }
        for reply in try await client.pipeline(commands, idempotent: true) { _ = try reply.get() }
    }
}
