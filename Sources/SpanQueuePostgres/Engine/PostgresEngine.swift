// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import PostgresClient
import SpanQueue
import SpanQueueLoop
import Synchronization

/// The engine on Postgres. Each transition is one call of a function of our schema, and one transaction; see the folder `Migrations` of
/// `CSpanQueuePostgresSchema`.
///
/// It holds no state of the queues: only connections, who waits and who watches, and what it has learnt about the server's clock.
final class PostgresEngine: Engine, JobKeeper {
    let name = "postgres"
    var thread: LoopThread? { loop }

    let url: PostgresURL
    let options: PostgresEngineOptions
    let schema: PostgresSchema
    let statements: Statements
    let logger: Logger
    let loop: LoopThread
    let node = ServerNode()
    let commits: GroupCommit
    let waiters: WaitList
    let idleNotes = IdleNotes()
    /// Who watches, and what is watched.
    let watches = Watches<PostgresClient>()
    let gatherer = EventGatherer()
    /// For enqueues, which wait for the disk, and for what people ask.
    let client: PostgresClient
    /// For claims, heartbeats and settlements, so that none of them waits for a disk or for a large answer. Connects with the first.
    let work: PostgresClient
    /// Hears of work. Connects with the first wait; a process that only enqueues has none.
    private let listener: PostgresClient
    private let wakes = Mutex(Wakes())

    /// Queues whose sleepers elsewhere are being woken.
    private struct Wakes: Sendable {
        var underWay: Set<String> = []
        var again: Set<String> = []
    }

    /// How often one who waits looks for itself, which finds what no notification told of: behind a pooler, that is all of it.
    let idleWait: Duration
    /// A lone enqueue that takes no longer tells whether somebody may sleep for want of work; one that takes longer may not have seen it.
    let quickCall: Duration
    /// Queues whose groups of errors are as this engine has folded them.
    let folded = Mutex<Set<String>>([])
    /// How often one who watches says so, and one who claims asks who watches.
    let watchInterval: Duration

    init(
        url: PostgresURL, schema: PostgresSchema, options: PostgresEngineOptions, environment: EngineEnvironment,
        idleWait: Duration = .seconds(2), watchInterval: Duration = .seconds(5),
        quickCall: Duration = .milliseconds(10)
    ) {
        self.idleWait = idleWait
        self.quickCall = quickCall
        self.watchInterval = watchInterval
        let loop = LoopThread(name: "spanq-postgres")
        let waiters = WaitList(loop: loop)
        self.url = url
        self.schema = schema
        self.options = options
        self.loop = loop
        self.waiters = waiters
        logger = environment.logger
        statements = Statements(schema)
        commits = GroupCommit(loop: loop, server: "Postgres", mostJobs: 1000)
        var configuration = PostgresClient.Configuration()
        configuration.callTimeout = options.commandTimeout
        configuration.connectTimeout = options.commandTimeout
        configuration.waitsForServer = options.waitsForServer
        let metrics = environment.metrics(of: "postgres")
        if let metrics {
            configuration.observer = { name, duration, error in metrics.record(name, duration, error?.code.label) }
        }
        let node = node
        configuration.onConnect = { generation in
            guard generation > 1 else { return }
            metrics?.reconnected(elsewhere: false)
            node.noteGap()
        }
        client = PostgresClient(url: url, name: "spanq", configuration: configuration, loop: loop, logger: logger)
        work = PostgresClient(url: url, name: "spanq-work", configuration: configuration, loop: loop, logger: logger)
        configuration.channel = schema.channel
        let idleNotes = idleNotes
        configuration.onNotify = { queue in if !waiters.wake(queue) { idleNotes.noteWake(queue) } }
        configuration.onConnect = { generation in
            // What was said while nobody listened.
            guard generation > 1 else { return }
            idleNotes.forget()
            waiters.wakeAll()
        }
        listener = PostgresClient(
            url: url, name: "spanq-listen", configuration: configuration, loop: loop, logger: logger)
    }

    /// Connects, and checks that the schema is there and is one that we know.
    func start() async throws {
        let rows: PostgresRows
        do {
            try await client.connect(timeout: options.commandTimeout)
            rows = try await client.run(PostgresCall("start", statements.start), idempotent: true)
            let applied = Int(try rows.optionalInteger(0, 0) ?? 0)
            guard applied >= schema.latest else {
                throw SpanQueueError(
                    .unsupported,
                    "\(url) has our schema of migration \(applied), and this version needs \(schema.latest): run spanq pg migrate"
                )
            }
            guard applied <= schema.latest else {
                throw SpanQueueError(
                    .unsupported,
                    "\(url) has our schema of migration \(applied), and this version knows \(schema.latest): upgrade SpanQueue"
                )
            }
            // A server that has just come up was away: its clients may be on their way back.
            if try rows.integer(0, 1) < 60 { node.noteGap() }
        } catch let error as PostgresError {
            throw SpanQueueError(error)
        }
    }

    func shutdown() async {
        await publishRest()
        waiters.close()
        for watcher in watches.close() { await watcher.close() }
        await listener.close()
        await work.close()
        await client.close()
        loop.stop()
    }

    func now() async throws -> Timestamp {
        let rows = try await call(PostgresCall("now", statements.now), on: work)
        let now = try read { () throws(PostgresError) in Timestamp(milliseconds: try rows.integer(0, 0)) }
        node.learn(now)
        return now
    }

    // MARK: What the parts of the engine share

    /// Makes a call. `certain` is as for `PostgresClient.run`.
    func call(
        _ call: PostgresCall, idempotent: Bool = true, timeout: Duration? = nil, certain: Bool = false,
        on client: PostgresClient? = nil
    ) async throws -> PostgresRows {
        do {
            return try await (client ?? self.client).run(
                call, timeout: timeout, idempotent: idempotent, certain: certain)
        } catch let error as PostgresError {
            if error.isLate { node.noteLate() }
            throw SpanQueueError(error)
        }
    }

    /// Reads an answer.
    func read<Value>(_ body: () throws(PostgresError) -> Value) throws(SpanQueueError) -> Value {
        do throws(PostgresError) {
            return try body()
        } catch {
            throw SpanQueueError(error)
        }
    }

    // MARK: Waking

    /// There is something to claim in a queue, and that is committed: wakes one who waits, here or else elsewhere.
    func wakeOne(_ queue: String) {
        guard !waiters.wake(queue) else { return }
        idleNotes.noteWake(queue)
        let isUnderWay = wakes.withLock { wakes in
            guard wakes.underWay.insert(queue).inserted else {
                wakes.again.insert(queue)
                return true
            }
            return false
        }
        if !isUnderWay { wakeElsewhere(queue) }
    }

    /// One call at a time for each queue: what is committed meanwhile asks for one more.
    private func wakeElsewhere(_ queue: String) {
        client.post(PostgresCall("wake", statements.wake, [.texts([queue])])) { [weak self] in
            guard let self else { return }
            let isWanted = wakes.withLock { wakes in
                guard wakes.again.remove(queue) == nil else { return true }
                wakes.underWay.remove(queue)
                return false
            }
            if isWanted { wakeElsewhere(queue) }
        }
    }

    /// Waits are about to begin.
    func listen() {
        listener.open()
    }
}
