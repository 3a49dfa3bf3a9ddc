// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import Logging
public import ServiceLifecycle
import Synchronization

/// Claims jobs and runs their handlers.
///
/// ```swift
/// let worker = try Worker(queue, WorkerConfiguration(concurrency: 20, queues: ["critical": 6, "default": 3]))
/// try worker.handle(WelcomeEmail.self) { email, context in try await send(email) }
/// try await worker.run()
/// ```
///
/// A handler that returns completes its job; if it throws, the job is retried, unless it throws a `JobError`. Handlers run on
/// the global executor; what the worker itself does has a thread on which no handler runs, so those that block cannot keep leases from being
/// extended.
public final class Worker: Service, Sendable {
    /// The worker's id: host, process and a random part. No two workers share one; the runs of one worker, which follow each other, do.
    public let id: String
    /// The settings.
    public let configuration: WorkerConfiguration
    let queue: JobQueue
    private let logger: Logger
    private let setup = Mutex(Setup())

    private struct Setup: Sendable {
        var handlers = HandlerRegistry()
        var middleware: [Middleware] = []
        var phase = Phase.idle
        /// Told to drain before it ran.
        var isDraining = false

        enum Phase: Sendable {
            case idle
            case connecting(Task<any Engine, any Error>)
            case running(WorkerCore)
        }

        func runner(_ coding: any JobCoding, peers: Peers? = nil) -> AttemptRunner {
            AttemptRunner(handlers: handlers, middleware: middleware, coding: coding, peers: peers)
        }

        /// A run has its own copy of the handlers: what came later would never be called.
        func checkIdle(_ id: String, _ what: String) throws(SpanQueueError) {
            guard case .idle = phase else {
                throw SpanQueueError(
                    .invalidState, "worker \(id) is running: add \(what) before run() is called")
            }
        }
    }

    /// Makes a worker; it claims nothing before it runs.
    ///
    /// - Throws: `.invalidArgument` for a setting out of bounds.
    public init(
        _ queue: JobQueue, _ configuration: WorkerConfiguration = WorkerConfiguration(), logger: Logger? = nil
    ) throws(SpanQueueError) {
        try configuration.check()
        self.id = WorkerIdentity.make()
        self.configuration = configuration
        self.queue = queue
        var logger = logger ?? queue.logger
        logger[metadataKey: "worker"] = "\(id)"
        self.logger = logger
    }

    /// Registers the handler of a job type.
    ///
    /// - Parameters:
    ///   - type: the job type.
    ///   - retryPolicy: the waits between attempts at jobs that name none themselves; by default the worker's.
    ///   - body: runs one attempt.
    /// - Throws: `.invalidArgument` where the type's name is not allowed or has a handler; `.invalidState` while the worker runs.
    public func handle<J: Job>(
        _ type: J.Type, retryPolicy: RetryPolicy? = nil,
        _ body: @escaping @Sendable (_ job: J, _ context: JobContext) async throws -> Void
    ) throws(SpanQueueError) {
        let coding = queue.configuration.coding
        try register(
            J.jobType,
            HandlerRegistry.Handler(retryPolicy: retryPolicy) { payload, context in
                let job: J
                do {
                    job = try coding.decode(type, from: payload)
                } catch {
                    throw UndecodablePayload(problem: CodingProblem.describe(error))
                }
                try await body(job, context)
            })
    }

    /// Registers a handler that gets the payload as it was enqueued; the job's type is `context.type`.
    ///
    /// - Parameters:
    ///   - pattern: a job type, or the beginning of one and an asterisk: `email:*`, `*`. An exact name goes before a pattern, a
    ///     longer pattern before a shorter one.
    ///   - retryPolicy: the waits between attempts at jobs that name none themselves; by default the worker's.
    ///   - body: runs one attempt.
    /// - Throws: `.invalidArgument` where the pattern is not allowed or has a handler; `.invalidState` while the worker runs.
    public func handle(
        _ pattern: String, retryPolicy: RetryPolicy? = nil,
        _ body: @escaping @Sendable (_ payload: [UInt8], _ context: JobContext) async throws -> Void
    ) throws(SpanQueueError) {
        try register(pattern, HandlerRegistry.Handler(retryPolicy: retryPolicy, body: body))
    }

    /// Adds code that runs around every attempt. It may look at the context, do something before and after `next`, swallow an error, or
    /// throw one of its own. The first that is added is the outermost.
    ///
    /// ```swift
    /// try worker.use { context, next in
    ///     context.logger.info("begins")
    ///     try await next()
    /// }
    /// ```
    ///
    /// - Throws: `.invalidState` while the worker runs.
    public func use(
        _ middleware:
            @escaping @Sendable (
                _ context: JobContext, _ next: @Sendable () async throws -> Void
            ) async throws -> Void
    ) throws(SpanQueueError) {
        try change("middleware") { setup throws(SpanQueueError) in setup.middleware.append(middleware) }
    }

    /// Claims and runs jobs until a graceful shutdown, then drains: it claims no more, waits for what is running until
    /// `drainTimeout`, cancels and releases the rest, and returns. Cancelling the calling task cuts the wait short.
    ///
    /// - Throws: `.closed` where the worker runs already.
    public func run() async throws {
        _ = try await run(untilEmpty: false)
    }

    /// Claims and runs jobs until nothing is ready and nothing is running, and returns: for external schedulers and tests. Jobs
    /// that are due later are left. What has lapsed is waited for where it may not be taken back yet, for a lease and a quarter at most.
    ///
    /// A call to the engine that fails is tried again while handlers run, and for ten seconds after that; a drain ends it at any time.
    ///
    /// - Returns: how many attempts ended in which way; each outcome is there.
    /// - Throws: `.closed` where the worker runs already; what the engine throws where it does so for ten seconds, or says that trying
    ///   again does not help.
    @discardableResult
    public func runOnce() async throws -> [AttemptOutcome: Int] {
        try await runUntilEmpty().outcomes
    }

    /// The same, with all that it did.
    package func runUntilEmpty() async throws -> RunSummary {
        try await run(untilEmpty: true)
    }

    /// Begins the drain of a running worker, as a graceful shutdown does. One that does not run yet claims nothing in its next run, which
    /// returns at once.
    public func drain() {
        let core = setup.withLock { setup in
            switch setup.phase {
            case .idle: setup.isDraining = true
            case .connecting(let connecting): connecting.cancel()
            case .running(let core): return core as WorkerCore?
            }
            return nil
        }
        core?.post { $0.beginDrain() }
    }

    /// What runs an attempt apart from any run of the worker.
    func attemptRunner() -> AttemptRunner { setup.withLock { $0.runner(queue.configuration.coding) } }

    private func run(untilEmpty: Bool) async throws -> RunSummary {
        // A worker runs where the engine is down, and begins when it is back.
        let connecting = Task { [queue] in
            try await queue.engineWhenReachable(within: untilEmpty ? WorkerLife.onceBound : nil)
        }
        let isDraining = try setup.withLock { setup in
            guard case .idle = setup.phase else {
                connecting.cancel()
                throw SpanQueueError(.closed, "worker \(id) runs already: make another worker")
            }
            setup.phase = .connecting(connecting)
            defer { setup.isDraining = false }
            return setup.isDraining
        }
        queue.running.begin()
        defer {
            queue.running.end()
            setup.withLock { $0.phase = .idle }
        }
        if isDraining { connecting.cancel() }
        let engine: any Engine
        do {
            engine = try await withTaskCancellationHandler {
                try await withGracefulShutdownHandler {
                    try await connecting.value
                } onGracefulShutdown: {
                    connecting.cancel()
                }
            } onCancel: {
                connecting.cancel()
            }
        } catch is CancellationError {
            return RunSummary()
        }
        return try await run(on: engine, untilEmpty: untilEmpty, isDraining: connecting.isCancelled)
    }

    private func run(on engine: any Engine, untilEmpty: Bool, isDraining: Bool) async throws -> RunSummary {
        let core = setup.withLock { setup in
            let runner = setup.runner(queue.configuration.coding, peers: Peers(engine, besides: id))
            let core = WorkerCore(
                id: id, engine: engine, configuration: configuration, isOnce: untilEmpty,
                limits: queue.configuration.limits, runner: runner, telemetry: queue.telemetry, logger: logger)
            setup.phase = .running(core)
            return core
        }
        if isDraining { core.post { $0.beginDrain() } }
        // The core's work is not a child of this task: a cancelled caller must cut the drain short, not tear up the calls by
        // which jobs are settled and released.
        let work = Task(executorPreference: core.thread) { try await core.run() }
        return try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await work.value
            } onGracefulShutdown: {
                core.post { $0.beginDrain() }
            }
        } onCancel: {
            core.post { $0.cutDrainShort() }
        }
    }

    private func register(_ pattern: String, _ handler: HandlerRegistry.Handler) throws(SpanQueueError) {
        try change("handlers") { setup throws(SpanQueueError) in try setup.handlers.register(pattern, handler) }
    }

    private func change(
        _ what: String, _ body: (inout Setup) throws(SpanQueueError) -> Void
    ) throws(SpanQueueError) {
        let outcome: Result<Void, SpanQueueError> = setup.withLock { setup in
            Result { () throws(SpanQueueError) in
                try setup.checkIdle(id, what)
                try body(&setup)
            }
        }
        try outcome.get()
    }
}

/// What a worker did from its start to its end.
package struct RunSummary: Sendable, Hashable {
    /// Attempts by how they ended.
    package var attempts: [AttemptOutcome: Int] = [:]
    /// Attempts whose handler went on after it was cancelled, for longer than the grace.
    package var ignoredCancellations = 0
    /// Jobs reclaimed from workers that did not extend their leases.
    package var reclaimed = 0

    /// A run that did nothing.
    package init() {}

    /// The attempts by how they ended, with 0 for what did not happen.
    var outcomes: [AttemptOutcome: Int] {
        Dictionary(uniqueKeysWithValues: AttemptOutcome.known.map { ($0, self[$0]) })
    }

    /// The attempts that ended in this way.
    package subscript(outcome: AttemptOutcome) -> Int { attempts[outcome] ?? 0 }
}

/// See `Worker.use(_:)`.
typealias Middleware =
    @Sendable (_ context: JobContext, _ next: @Sendable () async throws -> Void) async throws -> Void
