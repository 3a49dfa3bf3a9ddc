import Logging
import SpanQueueLoop
import SpanQueueTelemetry
import Synchronization

/// A running worker: what it holds, and the loops that work on it.
///
/// All of it is confined to one thread of its own, so no lock is taken and no handler can block it: `thread` is the actor's
/// executor, and also the preferred executor of the tasks in which it runs. The latter matters as much: closures that are
/// passed to the standard library, as to `withTaskCancellationHandler`, are not isolated to the actor, and would otherwise
/// run on the global pool, where blocking handlers keep heartbeats from going out. Its loops are:
///
/// - claiming (`WorkerCore+Claiming`): fills free slots, and sleeps on the engine's wake-up when nothing is ready;
/// - settling (`WorkerCore+Settling`): sends what attempts ended as, in batches;
/// - heartbeats (`WorkerCore+Heartbeats`): extends leases, and cancels handlers whose lease is lost or whose job was called off;
/// - housekeeping (`WorkerCore+Housekeeping`): takes back lapsed jobs of others, sweeps, and makes the worker known.
actor WorkerCore {
    /// A job that this worker holds, from its claim until its settlement is on its way.
    final class Slot {
        let context: JobContext
        /// The attempt in the application's own tracer.
        let applicationSpan: ApplicationSpans.Open?
        let claimedAt: ContinuousClock.Instant
        var task: Task<Void, Never>?
        var timer: LoopTimer?
        var cause: CancelCause?
        /// Its handler ignored its cancellation and was settled without: it only takes up the slot.
        var isAbandoned = false

        init(_ context: JobContext, applicationSpan: ApplicationSpans.Open?, claimedAt: ContinuousClock.Instant) {
            self.context = context
            self.applicationSpan = applicationSpan
            self.claimedAt = claimedAt
        }

        /// As far as it has come, where its handler does not return.
        func cutOff(_ error: any Error) -> FinishedAttempt {
            let duration = ContinuousClock.now - claimedAt
            return FinishedAttempt(
                result: .threw(error), startNanoseconds: SystemClock.now() &- UInt64(max(0, duration.inSeconds) * 1e9),
                duration: duration)
        }

        var reference: ClaimReference { context.claim.reference }
    }

    enum Phase: Equatable {
        case running
        case draining(until: ContinuousClock.Instant)
        case stopped
    }

    nonisolated let thread: LoopThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    let id: String
    let engine: any Engine
    /// The engine's upkeep, where it has one.
    let keeper: (any JobKeeper)?
    let configuration: WorkerConfiguration
    let runner: AttemptRunner
    let jobEnvironment: JobContext.Environment
    let rules: SettlementRules
    let logger: Logger
    let telemetry: JobTelemetry
    let spans: JobSpans?
    let applicationSpans: ApplicationSpans?

    var phase = Phase.running
    var slots: [Int: Slot] = [:]
    let finishedAttempts = FinishedAttempts()
    var nextSlot = 0
    var selector: QueueSelector
    var lastProbe = ContinuousClock.now
    var summary = RunSummary()
    var outage: ContinuousClock.Instant?
    var lastReclaims: [String: ContinuousClock.Instant] = [:]

    /// Settlements that have not been answered; their leases are extended all the same.
    var unsettled: [Ending] = []
    /// Series that were looked up once.
    var queueMetrics: [String: QueueMetrics] = [:]
    var typeMetrics: [String: [String: JobTypeMetrics]] = [:]
    var latestTypeMetrics: JobTypeMetrics?
    let busySeconds: FloatingCounterSeries
    let busy: GaugeSeries
    var busySince = ContinuousClock.now
    let lastClaim: GaugeSeries
    let lastReclaim: GaugeSeries
    let renewals: CounterSeries
    let failedRenewals: CounterSeries
    var waiting: Task<Void, any Error>?

    let slotEnded: Gate
    let settlementReady: Gate
    let settlementsDone: Gate

    init(
        id: String, engine: any Engine, configuration: WorkerConfiguration, limits: Limits, runner: AttemptRunner,
        telemetry: JobTelemetry, logger: Logger
    ) {
        let thread = LoopThread(name: "spanq-worker")
        self.thread = thread
        self.id = id
        self.engine = engine
        self.keeper = engine.keeper
        self.configuration = configuration
        self.runner = runner
        self.jobEnvironment = JobContext.Environment(
            engine: engine, limits: limits, logger: logger, attemptLogLevel: configuration.attemptLogLevel)
        self.logger = logger
        self.telemetry = telemetry
        self.spans = JobSpans(telemetry, worker: id)
        self.applicationSpans = ApplicationSpans(telemetry, worker: id)
        let metrics = telemetry.metrics
        self.busySeconds = metrics.busySeconds.child()
        self.busy = metrics.busy.child()
        self.lastClaim = metrics.lastClaim.child()
        self.lastReclaim = metrics.lastReclaim.child()
        self.renewals = metrics.renewals.child("ok")
        self.failedRenewals = metrics.renewals.child("error")
        metrics.slots.child().set(configuration.concurrency)
        for queue in configuration.queues.queues { queueMetrics[queue] = QueueMetrics(metrics, queue: queue) }
        self.rules = SettlementRules(
            handlers: runner.handlers, retryPolicy: configuration.retryPolicy,
            unknownTypeDelay: configuration.unknownTypeDelay, unknownTypeRetries: configuration.unknownTypeRetries)
        self.selector = QueueSelector(configuration.queues)
        self.slotEnded = Gate(on: thread)
        self.settlementReady = Gate(on: thread)
        self.settlementsDone = Gate(on: thread)
    }

    /// Runs something on the worker's thread, in order with all else that was posted.
    nonisolated func post(_ action: @escaping @Sendable (isolated WorkerCore) -> Void) {
        thread.execute { self.assumeIsolated(action) }
    }

    func run(untilEmpty: Bool) async throws -> RunSummary {
        defer { thread.stop() }
        let loops = [
            Task(executorPreference: thread) { await self.settlingLoop() },
            Task(executorPreference: thread) { await self.heartbeatLoop() },
            Task(executorPreference: thread) { await self.housekeepingLoop() },
        ]
        logger.info(
            "worker started",
            metadata: [
                "concurrency": "\(configuration.concurrency)",
                "queues": "\(configuration.queues.queues.joined(separator: ","))",
                "lease": "\(DurationText.format(configuration.lease))",
            ])
        var failure: (any Error)?
        do {
            try await claimingLoop(untilEmpty: untilEmpty)
        } catch {
            failure = error
        }
        await finishRunning()
        phase = .stopped
        settlementReady.raise()
        for loop in loops { loop.cancel() }
        for loop in loops { await loop.value }
        await sayGoodbye()
        logger.info("worker stopped", metadata: ["completed": "\(summary[.completed])"])
        if let failure { throw failure }
        return summary
    }

    // MARK: Draining

    func beginDrain() {
        guard phase == .running else { return }
        logger.info(
            "draining: no more claims",
            metadata: ["running": "\(slots.count)", "for": "\(DurationText.format(configuration.drainTimeout))"])
        jobEnvironment.isStopping.store(true, ordering: .relaxed)
        phase = .draining(until: .now + configuration.drainTimeout)
        waiting?.cancel()
        slotEnded.raise()
    }

    func cutDrainShort() {
        guard phase != .stopped else { return }
        jobEnvironment.isStopping.store(true, ordering: .relaxed)
        phase = .draining(until: .now)
        waiting?.cancel()
        slotEnded.raise()
    }

    /// Waits for the handlers until the end of the drain, cancels those that are left, and gives their jobs back.
    private func finishRunning() async {
        while !slots.isEmpty, case .draining(let deadline) = phase, deadline > .now {
            await slotEnded.wait(until: deadline)
        }
        if !slots.isEmpty {
            logger.notice("drain over: cancelling what still runs", metadata: ["running": "\(slots.count)"])
            for slot in slots.keys { cancel(slot, .drain) }
            let deadline = ContinuousClock.now + min(configuration.cancellationGrace, .seconds(1))
            while !slots.isEmpty, deadline > .now { await slotEnded.wait(until: deadline) }
            for slot in Array(slots.keys) { abandon(slot) }
        }
        let deadline = ContinuousClock.now + .seconds(5)
        while !unsettled.isEmpty, deadline > .now { await settlementsDone.wait(until: deadline) }
        if !unsettled.isEmpty {
            logger.error(
                "the engine took no settlements: these jobs run again when their leases lapse",
                metadata: ["jobs": "\(unsettled.count)"])
        }
    }

    private func sayGoodbye() async {
        do {
            try await engine.retire(workerID: id)
            await engine.passWakeUp(in: configuration.queues.queues)
        } catch {
            logger.debug("could not sign off", metadata: ["error": "\(error)"])
        }
    }
}
