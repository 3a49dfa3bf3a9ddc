// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import NIOConcurrencyHelpers
import SpanQueueLoop
import SpanQueueTelemetry
import Synchronization

/// A running worker: the shell round a `WorkerLife`, which decides everything. It makes the calls that the life asks for, tells it of
/// every answer, and asks it again.
///
/// All of it is confined to one thread, so no lock is taken and no handler can block it: the engine's, so that its answers wake nobody
/// else, or one of its own if the engine has none. `thread` is the actor's
/// executor, and also the preferred executor of the tasks in which it runs. The latter matters as much: closures that are
/// passed to the standard library, as to `withTaskCancellationHandler`, are not isolated to the actor, and would otherwise
/// run on the global pool, where blocking handlers keep heartbeats from going out.
///
/// What every job takes part in runs in loops that ask for their next step: claiming (`WorkerCore+Claiming`), and settling, one loop for
/// each queue (`WorkerCore+Settling`). What goes to handlers and comes back from them does so by `WorkerCore+Handlers`. All else comes from `turn()`, which follows every event: heartbeats, upkeep, the end. No call to
/// the engine is waited for there, so one that never returns holds up nothing, and not the end of a drain either.
actor WorkerCore {
    nonisolated let thread: LoopThread
    private let ownsThread: Bool
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    let id: String
    let engine: any Engine
    /// The engine's upkeep, where it has one.
    let keeper: (any JobKeeper)?
    let errorStore: (any ErrorStore)?
    let historyStore: (any HistoryStore)?
    let configuration: WorkerConfiguration
    let runner: AttemptRunner
    let jobEnvironment: JobContext.Environment
    let rules: SettlementRules
    let logger: Logger
    let telemetry: JobTelemetry
    let spans: JobSpans?
    let applicationSpans: ApplicationSpans?
    let startedAt = Timestamp(Date())

    var life: WorkerLife
    let lanes: [QueueLane]
    var slots: [Int: Slot] = [:]
    let handlers: NIOLockedValueBox<HandlerLine<HandedJob, EndedJob>>
    let lookReady: Gate
    var nextSlot = 0
    var summary = RunSummary()
    /// Why `runOnce` gave up, if it does.
    var latestFailure: (any Error)?

    let counts: AttemptCounts
    let busySeconds: FloatingCounterSeries
    let busy: GaugeSeries
    var busySince = ContinuousClock.now
    let lastClaim: GaugeSeries
    let lastReclaim: GaugeSeries
    let renewals: CounterSeries
    let failedRenewals: CounterSeries

    var waiting: Task<Void, any Error>?
    let claimingReady: Gate
    private let stopped: Gate
    private var alarm: (timer: LoopTimer, at: ContinuousClock.Instant)?
    private var calls: [Int: Task<Void, Never>] = [:]
    private var nextCall = 0

    init(
        id: String, engine: any Engine, configuration: WorkerConfiguration, isOnce: Bool, limits: Limits,
        runner: AttemptRunner, telemetry: JobTelemetry, logger: Logger
    ) {
        let thread = engine.thread ?? LoopThread(name: "spanq-worker")
        self.thread = thread
        ownsThread = engine.thread == nil
        self.id = id
        self.engine = engine
        self.keeper = engine.keeper
        self.errorStore = engine as? any ErrorStore
        self.historyStore = engine as? any HistoryStore
        self.configuration = configuration
        self.runner = runner
        self.jobEnvironment = JobContext.Environment(
            engine: engine, limits: limits, logger: logger, coding: runner.coding,
            attemptLogLevel: configuration.attemptLogLevel)
        self.logger = logger
        self.telemetry = telemetry
        self.spans = JobSpans(telemetry, worker: id)
        self.applicationSpans = ApplicationSpans(telemetry, worker: id)
        let metrics = telemetry.metrics
        self.counts = AttemptCounts(metrics)
        self.busySeconds = metrics.busySeconds.child()
        self.busy = metrics.busy.child()
        self.lastClaim = metrics.lastClaim.child()
        self.lastReclaim = metrics.lastReclaim.child()
        self.renewals = metrics.renewals.child("ok")
        self.failedRenewals = metrics.renewals.child("error")
        metrics.slots.child().set(configuration.concurrency)
        self.lanes = configuration.selection.queues.enumerated().map { index, queue in
            QueueLane(index, queue, QueueMetrics(metrics, queue: queue), on: thread)
        }
        self.rules = SettlementRules(configuration, handlers: runner.handlers)
        self.life = WorkerLife(configuration.terms(isOnce: isOnce, hasKeeper: keeper != nil), at: .now) {
            Double.random(in: 0...1)
        }
        self.handlers = NIOLockedValueBox(
            HandlerLine(slots: configuration.concurrency, threads: ProcessInfo.processInfo.activeProcessorCount))
        self.claimingReady = Gate(on: thread)
        self.lookReady = Gate(on: thread)
        self.stopped = Gate(on: thread)
    }

    /// Runs something on the worker's thread, in order with all else that was posted.
    nonisolated func post(_ action: @escaping @Sendable (isolated WorkerCore) -> Void) {
        thread.execute { self.assumeIsolated(action) }
    }

    func run() async throws -> RunSummary {
        defer { if ownsThread { thread.stop() } }
        logger.info(
            "worker started",
            metadata: [
                "concurrency": "\(configuration.concurrency)",
                "queues": "\(configuration.selection.queues.joined(separator: ","))",
                "lease": "\(DurationText.format(configuration.lease))",
            ])
        let claiming = Task(executorPreference: thread) { await self.claimingLoop() }
        let looking = Task(executorPreference: thread) { await self.lookingLoop() }
        turn()
        await stopped.wait()
        // Nothing below waits for a call: what hangs is left to itself.
        claiming.cancel()
        waiting?.cancel()
        looking.cancel()
        lookReady.raise()
        for lane in lanes {
            lane.settling?.cancel()
            lane.settlementReady.raise()
        }
        for call in calls.values { call.cancel() }
        if let alarm { thread.cancel(alarm.timer) }
        logger.info("worker stopped", metadata: ["completed": "\(summary[.completed])"])
        if life.gaveUp, let latestFailure { throw latestFailure }
        return summary
    }

    // MARK: Turns

    /// Does what the life has to be done now, and sees to it that it is asked again in time. To be called after every event.
    func turn() {
        let now = ContinuousClock.now
        while let action = life.nextAction(at: now) { perform(action) }
        if !life.isRunning { claimingReady.raise() }
        guard let deadline = life.deadline(at: now) else { return }
        // One that comes too early finds nothing to do.
        if let alarm {
            guard deadline < alarm.at else { return }
            thread.cancel(alarm.timer)
        }
        let timer = thread.schedule(at: deadline) { [weak self] in
            self?.assumeIsolated {
                $0.alarm = nil
                $0.turn()
            }
        }
        alarm = (timer, deadline)
    }

    private func perform(_ action: WorkerLife.Action) {
        switch action {
        case .probe(let lane): call { await $0.probe(lane) }
        case .extend(let lanes, let isShared): extend(lanes, isShared: isShared)
        case .reclaim(let lane): call { await $0.reclaim(lane) }
        case .sweep(let lane): call { await $0.sweep(lane) }
        case .announce: call { await $0.announce() }
        case .interruptWait: waiting?.cancel()
        case .cancelHandlers:
            logger.notice("drain over: cancelling what still runs", metadata: ["running": "\(slots.count)"])
            for slot in slots.keys { cancel(slot, .drain) }
        case .abandonHandlers:
            for slot in slots.keys { abandon(slot) }
        case .signOff:
            if life.unsettled > 0 {
                logger.error(
                    "the engine took no settlements: these jobs run again when their leases lapse",
                    metadata: ["jobs": "\(life.unsettled)"])
            }
            call { await $0.signOff() }
        case .stop: stopped.raise()
        }
    }

    /// Starts a call to the engine whose answer the life is told of later.
    func call(_ body: @escaping @Sendable (isolated WorkerCore) async -> Void) {
        let number = nextCall
        nextCall += 1
        calls[number] = Task(executorPreference: thread) { await self.make(number, body) }
    }

    private func make(_ number: Int, _ body: @Sendable (isolated WorkerCore) async -> Void) async {
        await body(self)
        calls[number] = nil
        turn()
    }

    // MARK: The end

    func beginDrain() {
        guard life.isRunning else { return }
        logger.info(
            "draining: no more claims",
            metadata: ["running": "\(slots.count)", "for": "\(DurationText.format(configuration.drainTimeout))"])
        jobEnvironment.isStopping.store(true, ordering: .relaxed)
        life.drain(at: .now)
        turn()
    }

    func cutDrainShort() {
        jobEnvironment.isStopping.store(true, ordering: .relaxed)
        life.cutShort(at: .now)
        turn()
    }

    private func signOff() async {
        await tellErrors()
        await tellHistory()
        do {
            try await engine.retire(workerID: id)
            await engine.passWakeUp(in: configuration.selection.queues)
        } catch {
            logger.debug("could not sign off", metadata: ["error": "\(error)"])
        }
        life.signedOff()
    }
}

extension WorkerConfiguration {
    func terms(isOnce: Bool, hasKeeper: Bool) -> WorkerLife.Terms {
        WorkerLife.Terms(
            queues: selection, concurrency: concurrency, lease: lease, drainTimeout: drainTimeout,
            cancellationGrace: cancellationGrace, idleWait: idleWait, isOnce: isOnce, hasKeeper: hasKeeper,
            maximumUnsettled: max(1000, 2 * concurrency))
    }
}

/// The calls that take many, for a worker: only its end cancels them, and then nobody reads the answer.
extension JobSource {
    func claimEach(_ requests: [ClaimRequest]) async -> [Result<ClaimReply, SpanQueueError>] {
        do throws(CancellationError) { return try await claim(requests) } catch { return Self.cancelled(requests) }
    }

    func extendEach(_ batches: [LeaseBatch]) async -> [Result<ExtendReply, SpanQueueError>] {
        do throws(CancellationError) { return try await extend(batches) } catch { return Self.cancelled(batches) }
    }

    func settleEach(_ settlements: [Settlement]) async -> [Result<SettleOutcome, SpanQueueError>] {
        do throws(CancellationError) { return try await settle(settlements) } catch {
            return Self.cancelled(settlements)
        }
    }

    private static func cancelled<Reply>(_ requests: [some Any]) -> [Result<Reply, SpanQueueError>] {
        requests.map { _ in .failure(SpanQueueError(.closed, "the worker has ended", mayHaveRun: true)) }
    }
}

/// Names that tell workers apart.
enum WorkerIdentity {
    static var host: String {
        let name = ProcessInfo.processInfo.hostName
        let allowed = name.filter { NameRule.queue.allows(String($0)) }
        return allowed.isEmpty ? "host" : String(allowed.prefix(48))
    }

    static var pid: Int { Int(ProcessInfo.processInfo.processIdentifier) }

    static func make() -> String {
        let random = String(UInt32.random(in: .min ... .max), radix: 16)
        return "\(host)-\(pid)-\(String(repeating: "0", count: 8 - random.count))\(random)"
    }
}
