// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import Logging
import SpanQueue
import SpanQueueLoop
import Synchronization

/// The engine on Redis. Each transition is one call of a Lua script; see `RedisKeys` for the keys, and the folder `Scripts` for
/// what happens to them.
///
/// It holds no state of the queues: only connections, and what it has learnt about the server.
final class RedisEngine: Engine, JobKeeper {
    let name = "redis"
    var thread: LoopThread? { loop }
    /// What is known about the present connection.
    private struct Connection: Sendable {
        /// Queues whose names this connection has put on the list of queues.
        var announced: Set<String> = []
        /// How many connections were replaced.
        var gaps = 0
        var keys: [String: RedisKeys] = [:]
        /// The largest message of the latest claim, in bytes, of queues whose messages are large.
        var largeMessages: [String: Int] = [:]
        /// Clients with a connection of their own for blocking pops: all, and those that are not in use.
        var waiters: [RedisClient] = []
        var idleWaiters: [(client: RedisClient, since: ContinuousClock.Instant)] = []
        var isWatchingIdle = false
        /// What Redis does when its memory is full, and when that is to be looked at again.
        var evictionPolicy: String?
        var nextEvictionLook = ContinuousClock.now
        var isClosed = false
    }

    /// The most queues of which something is remembered.
    private static let mostNames = 1000

    /// How long a connection of no use is kept.
    private let idleLimit: Duration
    let url: RedisURL
    let options: RedisEngineOptions
    let scripts: Scripts
    let logger: Logger
    /// The queues of each worker that has been seen, by id: they do not change while it lives.
    let queuesOfWorkers = Mutex<[String: [String]]>([:])
    let node = ServerNode()
    let commits: GroupCommit
    let confirmations = SharedWait()
    let client: RedisClient
    /// For heartbeats and settlements, so that bulk data neither goes before them nor takes up their budget, nor drops their connection
    /// when its reply is overdue; but see `settling`. Connects with the first of them: a process that only enqueues has none.
    let leases: RedisClient
    /// Where the primary is, for a URL with Sentinels.
    private let sentinels: SentinelDirectory?
    /// Who watches, and what is watched.
    let watches = Watches<RedisClient>()
    let gatherer = EventGatherer()
    let loop: LoopThread
    private let connection = Mutex(Connection())
    /// When the list of queues of layout 1 is to be copied next; nil where there is none.
    let nextCopy = Mutex<ContinuousClock.Instant?>(nil)
    private let metrics: EngineMetrics?

    init(
        url: RedisURL, options: RedisEngineOptions, scripts: Scripts = .embedded, environment: EngineEnvironment,
        idleLimit: Duration = .seconds(30)
    ) {
        let logger = environment.logger
        self.idleLimit = idleLimit
        self.url = url
        self.options = options
        self.scripts = scripts
        self.logger = logger
        loop = LoopThread(name: "spanq-redis")
        commits = GroupCommit(loop: loop, server: "Redis")
        let connected = ConnectedCallback()
        sentinels = SentinelDirectory(
            url: url, settings: options.sentinel.settings, tls: options.tls.settings, loop: loop, logger: logger)
        var configuration = RedisClient.Configuration()
        configuration.tls = options.tls.settings
        configuration.sentinels = sentinels
        configuration.commandTimeout = options.commandTimeout
        configuration.connectTimeout = options.commandTimeout
        configuration.waitsForServer = options.waitsForServer
        configuration.scripts = scripts.all
        configuration.onConnect = { connected.call(generation: $0, isElsewhere: $1) }
        let metrics = environment.metrics(of: "redis")
        self.metrics = metrics
        if let metrics {
            configuration.observer = { name, duration, error in metrics.record(name, duration, error?.code.label) }
        }
        client = RedisClient(url: url, name: "spanq", configuration: configuration, loop: loop, logger: logger)
        configuration.scripts = [scripts.extend, scripts.settle]
        leases = RedisClient(url: url, name: "spanq-lease", configuration: configuration, loop: loop, logger: logger)
        connected.set { [weak self] generation, isElsewhere in
            guard generation > 1 else { return }
            metrics?.reconnected(elsewhere: isElsewhere)
            self?.noteGap()
        }
    }

    /// An engine that has connected and looked at what is there.
    static func started(
        _ url: String, _ options: RedisEngineOptions, scripts: Scripts, logger: Logger
    ) async throws -> RedisEngine {
        let engine = RedisEngine(
            url: try options.checkedURL(url), options: options, scripts: scripts,
            environment: EngineEnvironment(logger: logger))
        do {
            try await engine.start()
        } catch {
            await engine.shutdown()
            throw error
        }
        return engine
    }

    func shutdown() async {
        await publishRest()
        let waiters = connection.withLock { connection in
            connection.isClosed = true
            defer {
                connection.idleWaiters = []
                connection.waiters = []
            }
            return connection.waiters
        }
        for client in waiters + watches.close() { await client.close() }
        await leases.close()
        await client.close()
        await sentinels?.close()
        loop.stop()
    }

    // MARK: What the parts of the engine share

    func keys(_ queue: String) -> RedisKeys {
        connection.withLock { connection in
            if let keys = connection.keys[queue] { return keys }
            let keys = RedisKeys(queue: queue)
            // Names from outside must not fill the memory.
            if connection.keys.count >= Self.mostNames { connection.keys.removeAll() }
            connection.keys[queue] = keys
            return keys
        }
    }

    // MARK: Eviction

    /// How often a worker looks whether Redis was set to evict.
    private static let evictionInterval = Duration.seconds(60)

    /// Whether it is time to look, which is then the next caller's no more.
    func isEvictionDue(now: ContinuousClock.Instant = .now) -> Bool {
        connection.withLock { connection in
            guard connection.nextEvictionLook <= now else { return false }
            connection.nextEvictionLook = now + Self.evictionInterval
            return true
        }
    }

    /// - Returns: whether it is another policy than the last time.
    @discardableResult
    func noteEviction(_ policy: String) -> Bool {
        metrics?.mayEvict(Self.mayEvictJobs(policy) && !options.allowsEviction)
        return connection.withLock { connection in
            defer { connection.evictionPolicy = policy }
            return connection.evictionPolicy != policy
        }
    }

    // MARK: Bytes of a claim

    /// About the most bytes that one queue's part of a claim is to bring. Redis sends it in one go, and everything else waits.
    private static let claimBytes = 16 << 20
    private static let largeMessage = claimBytes / ClaimRequest.maximumBatch

    /// How many jobs to ask for, by what the last claim from the queue has brought.
    func claimLimit(_ request: ClaimRequest) -> Int {
        let largest = connection.withLock { $0.largeMessages.isEmpty ? nil : $0.largeMessages[request.queue] }
        let most = largest.map { max(1, Self.claimBytes / $0) } ?? ClaimRequest.maximumBatch
        return max(0, min(request.limit, most, ClaimRequest.maximumBatch))
    }

    func noteLargestMessage(_ bytes: Int, in queue: String) {
        connection.withLock { connection in
            if bytes > Self.largeMessage {
                // Names from outside must not fill the memory.
                if connection.largeMessages.count >= 1000 { connection.largeMessages.removeAll() }
                connection.largeMessages[queue] = bytes
            } else if !connection.largeMessages.isEmpty {
                connection.largeMessages[queue] = nil
            }
        }
    }

    func call(_ script: RedisScriptCall, idempotent: Bool = true) async throws -> RESPReply {
        do {
            return try await client.run(script, idempotent: idempotent)
        } catch let error as RedisError {
            throw SpanQueueError(error)
        }
    }

    /// Calls scripts in one write, each of them for itself.
    ///
    /// - Parameter other: another client than that for everything.
    func results(
        of calls: [RedisScriptCall], idempotent: Bool, on other: RedisClient? = nil
    ) async throws(CancellationError) -> [Result<RESPReply, RedisError>] {
        let client = other ?? client
        do {
            guard calls.count == 1 else { return try await client.pipeline(calls, idempotent: idempotent) }
            return [.success(try await client.run(calls[0], idempotent: idempotent))]
        } catch let error as RedisError {
            return [.failure(error)]
        } catch {
            // The client throws nothing else.
            throw CancellationError()
        }
    }

    /// The end of a call that is certain: see `RedisClient.run`. Cancelled means that it was not sent and never will be.
    func certainResult(
        _ reply: () async throws -> RESPReply
    ) async -> Result<RESPReply, RedisError> {
        do {
            return .success(try await reply())
        } catch let error as RedisError {
            return .failure(error)
        } catch {
            // The client throws nothing but RedisError and CancellationError.
            return .failure(RedisError(.cancelled, "the task was cancelled before this was sent"))
        }
    }

    func send(_ command: RESPCommand, timeout: Duration? = nil) async throws -> RESPReply {
        do {
            return try await client.send(command, timeout: timeout, idempotent: true)
        } catch let error as RedisError {
            throw SpanQueueError(error)
        }
    }

    /// Sends commands in one write; throws the first error.
    func all(_ commands: [RESPCommand]) async throws -> [RESPReply] {
        try await client.pipeline(commands, idempotent: true).map { reply in
            switch reply {
            case .success(let reply): return reply
            case .failure(let error): throw SpanQueueError(error)
            }
        }
    }

    /// Queues on their way to the list of queues.
    struct Announcement {
        let queues: Set<String>
        fileprivate let reply: PendingReply
        /// Of the connection when it left.
        fileprivate let gaps: Int
    }

    /// Puts queues on the list of queues, once a connection. Nobody waits for it: it leaves before what is sent next.
    ///
    /// - Returns: nil where they are listed.
    func announce(_ queues: Set<String>, within timeout: Duration) -> Announcement? {
        let (fresh, gaps) = connection.withLock { (queues.subtracting($0.announced), $0.gaps) }
        guard !fresh.isEmpty else { return nil }
        return Announcement(
            queues: fresh, reply: client.start(Self.listing(fresh), timeout: timeout, idempotent: true), gaps: gaps)
    }

    /// Notes what has become of an announcement by now. One that is still under way, or has failed, is made again by the next call.
    func note(_ announcement: Announcement) {
        switch announcement.reply.result {
        case nil: return
        case .failure(let error):
            logger.warning("a queue is not on the list of queues", metadata: ["error": "\(error)"])
        case .success(let reply):
            do {
                _ = try reply.integer()
            } catch {
                return logger.warning("a queue is not on the list of queues", metadata: ["error": "\(error)"])
            }
            connection.withLock { connection in
                // Another server may not have them.
                guard connection.gaps == announcement.gaps else { return }
                // Names from outside must not fill the memory.
                if connection.announced.count + announcement.queues.count > Self.mostNames { connection.announced = [] }
                connection.announced.formUnion(announcement.queues)
            }
        }
    }

    /// Puts queues on the list of queues, also those that are thought to be there.
    func list(_ queues: Set<String>) async throws {
        _ = try await send(Self.listing(queues))
    }

    static func listing(_ queues: some Sequence<String>) -> RESPCommand {
        var command = RESPCommand("SADD")
        command.append(RedisKeys.queues)
        for queue in queues { command.append(queue) }
        return command
    }

    /// A queue was deleted: it is to be listed again when it begins again.
    func forget(_ queue: String) {
        connection.withLock { _ = $0.announced.remove(queue) }
    }

    /// A connection was replaced: time has passed, and the server may be another, with other lists.
    func noteGap() {
        node.noteGap()
        connection.withLock { connection in
            connection.announced = []
            connection.gaps += 1
            connection.nextEvictionLook = .now
        }
    }

    // MARK: Other connections: for blocking pops, and to listen

    var otherConnections: RedisClient.Configuration {
        var configuration = RedisClient.Configuration()
        configuration.tls = options.tls.settings
        configuration.sentinels = sentinels
        configuration.commandTimeout = options.commandTimeout
        configuration.connectTimeout = options.commandTimeout
        return configuration
    }

    func takeWaiter() throws -> RedisClient {
        try connection.withLock { connection in
            guard !connection.isClosed else { throw SpanQueueError(.closed, "the queue was shut down") }
            if let waiter = connection.idleWaiters.popLast() { return waiter.client }
            var configuration = otherConnections
            // What was popped for a caller that is gone must not reach the next one.
            configuration.dropConnectionOnCancel = true
            let waiter = RedisClient(
                url: url, name: "spanq-wait", configuration: configuration, loop: loop, logger: logger)
            connection.waiters.append(waiter)
            return waiter
        }
    }

    func giveBack(_ waiter: RedisClient) {
        let isWatched = connection.withLock { connection in
            guard !connection.isClosed else { return true }
            connection.idleWaiters.append((waiter, .now))
            defer { connection.isWatchingIdle = true }
            return connection.isWatchingIdle
        }
        if !isWatched { watchIdleWaiters() }
    }

    private func watchIdleWaiters() {
        loop.execute { [weak self, loop, idleLimit] in
            loop.schedule(at: .now + idleLimit) { self?.closeIdleWaiters() }
        }
    }

    private func closeIdleWaiters() {
        let longest = ContinuousClock.now - idleLimit
        let (idle, isAnyLeft) = connection.withLock { connection in
            let idle = connection.idleWaiters.filter { $0.since <= longest }.map(\.client)
            connection.idleWaiters.removeAll { $0.since <= longest }
            connection.waiters.removeAll { waiter in idle.contains { $0 === waiter } }
            connection.isWatchingIdle = !connection.idleWaiters.isEmpty
            return (idle, connection.isWatchingIdle)
        }
        if isAnyLeft { watchIdleWaiters() }
        // They live on this loop, and this is its thread.
        for waiter in idle { waiter.assumeIsolated { $0.close() } }
    }
}

/// Lets a client that is part of an object call that object: the object does not exist yet when the client is made.
private final class ConnectedCallback: Sendable {
    private let callback = Mutex<(@Sendable (Int, Bool) -> Void)?>(nil)

    func set(_ callback: @escaping @Sendable (Int, Bool) -> Void) {
        self.callback.withLock { $0 = callback }
    }

    func call(generation: Int, isElsewhere: Bool) {
        callback.withLock { $0 }?(generation, isElsewhere)
    }
}
