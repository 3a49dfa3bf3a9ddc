// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
package import Logging
package import SpanQueue
import SpanQueueAdmin
package import SpanQueueLoop
package import SpanQueueProto
import SpanQueueTelemetry

/// The heart of a gateway: it claims for streams, extends by their heartbeats, settles their results, and looks after their queues. The
/// shell round one `StreamMachine` for each stream, which decide what may be said when.
///
/// All of it is confined to one thread, the engine's where that has one, as a `WorkerCore` is; calls of gRPC come in by `await`.
///
/// - `GatewayCore+Claiming`: one line of idle streams and one wait for work for each queue and process, however many streams there are.
/// - `GatewayCore+Leases`: heartbeats of all streams in few calls, claims of other gateways, timeouts of attempts.
/// - `GatewayCore+Settling`: results of all streams in batches.
/// - `GatewayCore+Upkeep`: reclaims, sweeps, and making workers known.
package actor GatewayCore {
    package nonisolated let thread: LoopThread
    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    let engine: any Engine
    let queue: JobQueue
    let attempts: ForeignAttempts
    let metrics: GatewayMetrics
    let logger: Logger
    let server: String

    var streams: [Int: WorkStream] = [:]
    private var nextStream = 0
    /// The newest stream of each worker.
    private var byWorker: [String: Int] = [:]
    var held: [ClaimReference: HeldClaim] = [:]

    /// Of each queue the streams that found it empty, in the order in which they did.
    var idle: [String: [Int]] = [:]
    var queues: [String: ServedQueue] = [:]
    var waiting: (task: Task<Void, any Error>, queues: Set<String>, until: ContinuousClock.Instant)?
    let idleReady: AsyncGate

    var beats: [Beat] = []
    var beatTimer: LoopTimer?
    var entries: [SettlementEntry] = []
    var settlementsUnderWay = 0
    /// Results that the engine has not taken, those that wait for another try included.
    var unconfirmed = 0

    /// The engine's clock, when it was last heard of.
    var clock: (engine: Timestamp, at: ContinuousClock.Instant)?

    private(set) var isDraining = false
    private(set) var isStopped = false
    private var drained: [CheckedContinuation<Void, Never>] = []

    /// - Parameter queue: whose engine is connected.
    package init(_ queue: JobQueue, engine: any Engine, metrics: GatewayMetrics, logger: Logger) {
        self.queue = queue
        self.engine = engine
        self.metrics = metrics
        self.logger = logger
        thread = engine.thread ?? LoopThread(name: "spanq-gateway")
        attempts = ForeignAttempts(engine, queue.telemetry, logger: logger)
        idleReady = AsyncGate()
        server = "spanq-gateway/\(SpanQueueVersion.text)"
    }

    /// Starts a task on the thread.
    func start(_ body: @escaping @Sendable (isolated GatewayCore) async -> Void) {
        Task(executorPreference: thread) { await self.make(body) }
    }

    private func make(_ body: @Sendable (isolated GatewayCore) async -> Void) async {
        await body(self)
    }

    /// Runs something at a moment, on the thread.
    func schedule(
        at moment: ContinuousClock.Instant, _ body: @escaping @Sendable (isolated GatewayCore) -> Void
    ) -> LoopTimer {
        thread.schedule(at: moment) { [weak self] in self?.assumeIsolated(body) }
    }

    /// Serves until it is stopped.
    package func run() async {
        start { await $0.waitingLoop() }
        await upkeepLoop()
    }

    /// The engine's clock, as far as it is known: it is asked where nothing was heard of it for ten seconds.
    func now() async throws -> Timestamp {
        let now = ContinuousClock.now
        if let clock, now - clock.at < .seconds(10) { return clock.engine + (now - clock.at) }
        let asked = try await engine.now()
        clock = (asked, .now)
        return asked
    }

    // MARK: Streams

    /// Opens a stream.
    ///
    /// - Returns: its number, for the other calls.
    package func open(_ caller: GatewayCaller) throws(GatewayError) -> Int {
        guard !isDraining else { throw StreamMachine.ending }
        nextStream += 1
        let number = nextStream
        let stream = WorkStream(number, caller)
        streams[number] = stream
        metrics.streams.set(streams.count)
        stream.helloTimer = schedule(at: .now + StreamLimits.hello) { core in
            guard let stream = core.streams[number] else { return }
            core.perform(stream.machine.helloIsLate(), stream)
        }
        return number
    }

    /// A message has come. Returns when the next may be read.
    package func received(_ message: Wire.FromWorker, on number: Int) async {
        guard let stream = streams[number] else { return }
        perform(stream.machine.received(message), stream)
        if !stream.hasRoom { await stream.room() }
    }

    /// Something has come that is not a message.
    package func unreadable(_ error: GatewayError, on number: Int) {
        guard let stream = streams[number] else { return }
        perform(stream.machine.unreadable(error), stream)
    }

    /// The client sends no more.
    package func closed(_ number: Int) {
        guard let stream = streams[number] else { return }
        perform(stream.machine.closed(), stream)
    }

    /// The wires are cut.
    package func disconnected(_ number: Int) {
        guard let stream = streams[number], stream.end == nil else { return }
        stream.isCut = true
        perform(stream.machine.disconnected(), stream)
    }

    /// What is to be written next; nil at the end.
    package func output(of number: Int) async -> [Wire.ToWorker]? {
        guard let stream = streams[number], let batch = await stream.output() else { return nil }
        // A client that reads again may be sent jobs again, and may say more.
        claim(for: stream)
        stream.readOn()
        return batch
    }

    /// Returns when the stream has ended.
    package func ended(_ number: Int) async {
        await streams[number]?.ended()
    }

    /// Lets go of a stream whose wires are done with.
    ///
    /// - Returns: how it ended.
    package func close(_ number: Int) -> StreamEnd {
        guard let stream = streams[number] else { return .ok }
        if stream.end == nil {
            stream.isCut = true
            perform(stream.machine.disconnected(), stream)
        }
        streams[number] = nil
        metrics.streams.set(streams.count)
        if streams.isEmpty {
            for waiter in drained { waiter.resume() }
            drained = []
        }
        return stream.end ?? .ok
    }

    func perform(_ actions: [StreamMachine.Action], _ stream: WorkStream) {
        for action in actions {
            switch action {
            case .open(let terms): start { await $0.greet(terms, stream) }
            case .send(let message): stream.write(message)
            case .claim: claim(for: stream)
            case .settle(let results): deal(with: stream) { await $0.settle(results, for: stream) }
            case .extend(let heartbeat): deal(with: stream) { await $0.extend(heartbeat, for: stream) }
            case .note(let claim, let progress): note(progress, of: claim)
            case .end(let end): finish(stream, end)
            }
        }
    }

    /// Deals with a message of a client, which is read on then.
    private func deal(
        with stream: WorkStream, _ body: @escaping @Sendable (isolated GatewayCore) async -> Void
    ) {
        stream.messagesUnderWay += 1
        start { core in
            await body(core)
            stream.messagesUnderWay -= 1
            stream.readOn()
        }
    }

    private func greet(_ terms: StreamTerms, _ stream: WorkStream) async {
        if let timer = stream.helloTimer { thread.cancel(timer) }
        do throws(GatewayError) {
            for name in terms.selection.queues { try stream.caller.require(.work, name) }
            for claim in terms.resume { try stream.caller.require(.work, claim.queue) }
        } catch {
            return finish(stream, .error(error))
        }
        guard stream.end == nil else { return }
        stream.terms = terms
        stream.selector = QueueSelector(terms.selection)
        if let older = byWorker[terms.worker].flatMap({ streams[$0] }), older !== stream {
            perform(older.machine.superseded(), older)
        }
        byWorker[terms.worker] = stream.number
        for name in terms.selection.queues { serve(name) }
        var welcome = Wire.Welcome()
        welcome.protocol = 1
        welcome.server = server
        welcome.lease = .init(terms.lease)
        welcome.heartbeatEvery = .init(terms.lease / 3)
        welcome.maxSlots = UInt32(StreamLimits.slots)
        welcome.maxMessageBytes = UInt64(StreamLimits.messageBytes)
        welcome.lost = terms.foreign.map { .init($0) }
        var kept: [ClaimReference] = []
        do {
            welcome.now = .init(try await now())
            if !terms.resume.isEmpty {
                let outcome = await extended(terms.resume, by: terms.lease, for: stream)
                welcome.lost += outcome.lost.map { .init(ClaimBytes.encode($0)) }
                kept = terms.resume.filter { !outcome.lost.contains($0) }
            }
        } catch {
            return finish(stream, .error(GatewayError(error)))
        }
        guard stream.end == nil else { return }
        logger.info(
            "a worker's stream is open",
            metadata: [
                "worker": "\(terms.worker)", "client": "\(terms.client)", "caller": "\(stream.caller.name)",
                "queues": "\(terms.selection.queues.joined(separator: ","))", "resumed": "\(kept.count)",
            ])
        for claim in kept { held[claim]?.stream = stream.number }
        perform(stream.machine.welcomed(welcome, kept: kept), stream)
        for claim in kept where held[claim]?.isCancelled == true {
            perform(stream.machine.cancel(claim, .requested), stream)
        }
        start { await $0.announce(stream) }
    }

    func finish(_ stream: WorkStream, _ end: StreamEnd) {
        guard stream.end == nil else { return }
        if let timer = stream.helloTimer { thread.cancel(timer) }
        // A machine that is told of an end from outside says nothing more.
        _ = stream.machine.disconnected()
        stream.finish(end)
        let leftovers = stream.machine.leftovers(isCut: stream.isCut)
        for claim in stream.machine.held where held[claim]?.stream == stream.number { held[claim]?.stream = nil }
        release(leftovers.compactMap { held[$0] })
        var reason = stream.isCut ? "disconnected" : "ok"
        if case .error(let error) = end { reason = error.reason }
        metrics.refusals.child(reason).increment()
        guard let terms = stream.terms else { return }
        for name in terms.selection.queues { leave(name) }
        logger.info(
            "a worker's stream has ended",
            metadata: ["worker": "\(terms.worker)", "reason": "\(reason)", "released": "\(leftovers.count)"])
        guard byWorker[terms.worker] == stream.number else { return }
        byWorker[terms.worker] = nil
        if stream.announcedAt != nil { start { try? await $0.engine.retire(workerID: terms.worker) } }
    }

    // MARK: The end

    /// Stops claiming, tells every stream, and waits for them to end.
    ///
    /// - Parameter limit: for how long; then they are ended.
    package func drain(within limit: Duration) async {
        guard !isDraining else { return }
        isDraining = true
        logger.info("draining: no more claims", metadata: ["streams": "\(streams.count)", "for": "\(limit)"])
        for stream in Array(streams.values) { perform(stream.machine.drain(within: limit), stream) }
        let timer = schedule(at: .now + limit) { core in
            for stream in Array(core.streams.values) { core.perform(stream.machine.drainIsOver(), stream) }
        }
        if !streams.isEmpty { await withCheckedContinuation { drained.append($0) } }
        thread.cancel(timer)
        await settled()
        await attempts.tell()
    }

    /// Ends what runs.
    package func stop() {
        isStopped = true
        waiting?.task.cancel()
        idleReady.raise()
    }
}

/// A place where one task of an actor waits until another raises it; a raise that nobody waits for is kept, once. Confined to the actor.
final class AsyncGate {
    private var isRaised = false
    private var waiter: CheckedContinuation<Void, Never>?

    func raise() {
        guard let waiter else {
            isRaised = true
            return
        }
        self.waiter = nil
        waiter.resume()
    }

    func wait() async {
        if isRaised {
            isRaised = false
            return
        }
        await withCheckedContinuation { waiter = $0 }
    }
}
