// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import Logging
public import ServiceLifecycle
import SpanQueueTelemetry

/// The client: it puts jobs on queues, and manages them.
///
/// ```swift
/// let queue = try JobQueue(engine: .redis("redis://localhost:6379"))
/// let receipt = try await queue.enqueue(WelcomeEmail(userID: 42), .queue("critical"), .delay(.seconds(5)))
/// ```
///
/// It connects in `run()`, or with its first use. Calls throw `SpanQueueError`, and `CancellationError` where their task was
/// cancelled. One value serves any number of tasks; concurrent enqueues share round trips.
public final class JobQueue: Service, Sendable {
    /// The settings.
    public let configuration: JobQueueConfiguration
    /// Where it reports.
    public let telemetry: JobTelemetry
    package let logger: Logger
    let spans: JobSpans?
    let applicationSpans: ApplicationSpans?
    let running = RunningWorkers()
    private let connection: EngineStart
    private let series: EnqueueMetricsTable

    /// Checks the settings. It does not connect yet.
    ///
    /// - Throws: `.invalidArgument` for a setting or a URL that can't be used, and where the telemetry's registry did not take
    ///   SpanQueue's metrics.
    public init(
        engine source: EngineSource, configuration: JobQueueConfiguration = JobQueueConfiguration(),
        telemetry: JobTelemetry = .standard, logger: Logger = Logger(label: "spanqueue")
    ) throws(SpanQueueError) {
        try NameRule.queue.check(configuration.defaultQueue)
        try configuration.limits.check()
        try source.check()
        if let conflict = telemetry.conflict {
            throw SpanQueueError(
                .invalidArgument,
                "the registry does not take SpanQueue's metrics; give JobTelemetry one of its own, or rename yours: \(conflict)"
            )
        }
        self.configuration = configuration
        self.telemetry = telemetry
        self.logger = logger
        self.connection = EngineStart { try source.make(EngineEnvironment(logger: logger, telemetry: telemetry)) }
        self.series = EnqueueMetricsTable(telemetry.metrics)
        self.spans = JobSpans(telemetry)
        self.applicationSpans = ApplicationSpans(telemetry)
    }

    /// The engine; connects it where that has not happened.
    package var engine: any Engine {
        get async throws { try await connection.engine() }
    }

    /// Connects to the engine and checks that it can be used. The first call of any kind does so too; this one is for programs that want
    /// to know before they go on.
    ///
    /// - Throws: `.unavailable` where it can't be reached, `.unsupported` where it can't be used, `.denied` where it refuses
    ///   us. Nothing is left behind then, and the next use tries again.
    public func connect() async throws {
        _ = try await connection.engine()
    }

    /// Enqueues one job.
    ///
    /// - Returns: the receipt; where another job holds the lock that this one wanted, that job's, with `isDuplicate`.
    /// - Throws: `.invalidArgument` or `.tooLarge` before anything is sent; `.conflict` where the id is taken by other
    ///   content; what the engine throws.
    @discardableResult
    public func enqueue<J: Job>(_ job: J, _ options: EnqueueOption...) async throws -> EnqueueReceipt {
        try await enqueue(EnqueueRequest(job, options))
    }

    /// Enqueues one job by the name of its type, with bytes that are passed on as they are. See `enqueue(_:_:)`.
    @discardableResult
    public func enqueue(type: String, payload: [UInt8], _ options: EnqueueOption...) async throws -> EnqueueReceipt {
        try await enqueue(EnqueueRequest(type: type, payload: payload, options: options))
    }

    /// Enqueues one job. See `enqueue(_:_:)`.
    @discardableResult
    public func enqueue(_ request: EnqueueRequest) async throws -> EnqueueReceipt {
        try await enqueue(request, until: nil)
    }

    /// Enqueues one job for somebody who gives up at `limit`: it is not added after that.
    package func enqueue(
        _ request: EnqueueRequest, until limit: ContinuousClock.Instant?
    ) async throws -> EnqueueReceipt {
        if configuration.middleware.isEmpty { return try await send(request, until: limit).get() }
        return try await pass([request], isAlone: true, until: limit, from: 0)[0].get()
    }

    /// Takes requests through the middleware from `index` on.
    ///
    /// - Parameter isAlone: whether the call is for one job, which shares its round trip with those of other callers.
    private func pass(
        _ requests: [EnqueueRequest], isAlone: Bool, until limit: ContinuousClock.Instant?, from index: Int
    ) async throws -> [EnqueueResult] {
        guard index < configuration.middleware.count else {
            return isAlone && requests.count == 1
                ? [try await send(requests[0], until: limit)] : try await send(requests, until: limit)
        }
        let results = try await configuration.middleware[index](requests) {
            try await self.pass($0, isAlone: isAlone, until: limit, from: index + 1)
        }
        guard results.count == requests.count else {
            throw SpanQueueError(
                .invalidArgument,
                "an enqueue middleware gave \(results.count) results for \(requests.count) jobs: give one for each",
                mayHaveRun: true)
        }
        return results
    }

    /// When a call has ended that begins now.
    private func end(
        of began: ContinuousClock.Instant, until limit: ContinuousClock.Instant?
    ) throws -> ContinuousClock.Instant {
        let end = began + configuration.enqueueTimeout
        guard let limit else { return end }
        guard began < limit else { throw SpanQueueError(.timeout, "its time was over before it was sent") }
        return min(end, limit)
    }

    private func send(_ request: EnqueueRequest, until limit: ContinuousClock.Instant?) async throws -> EnqueueResult {
        let parent = request.parent ?? TraceContext.current
        var job = try NewJob(request, configuration: configuration, trace: creation(parent))
        let open = applicationSpans?.created(job.message, "enqueue", below: request.parent)
        if let trace = open?.trace { job.message.trace = trace }
        job.message.note(parent: parent)
        let start = spans == nil ? 0 : SystemClock.now()
        let began = ContinuousClock.now
        let outcome: EnqueueOutcome
        do {
            let deadline = try end(of: began, until: limit)
            outcome = try await connection.engine(until: deadline).enqueue(job, until: deadline)
        } catch {
            count(job, .failure(error))
            time("enqueue", job.message.queue, ContinuousClock.now - began, ErrorType.name(of: error))
            spans?.enqueued(job, parent: parent, from: start, .failure(error))
            open?.end(errorType: ErrorType.name(of: error), "\(error)")
            throw error
        }
        let duration = ContinuousClock.now - began
        if case .accepted = outcome {
            let series = series.series(job.message.queue, job.message.type)
            series.accepted.increment()
            series.sent.increment()
            series.duration.record(duration)
        } else {
            count(job, .success(outcome))
            time("enqueue", job.message.queue, duration, outcome.errorType)
        }
        spans?.enqueued(job, parent: parent, from: start, .success(outcome))
        open?.end(errorType: outcome.errorType)
        return Self.result(outcome, EnqueueReceipt(asked: job.message))
    }

    /// Enqueues many jobs of one type in one round trip.
    public func enqueue<J: Job>(_ jobs: [J], _ options: EnqueueOption...) async throws -> [EnqueueResult] {
        try await enqueue(jobs.map { EnqueueRequest($0, options) })
    }

    /// Enqueues many jobs in one round trip: any mix of types, queues and options, at most 10,000.
    ///
    /// - Returns: the result of each, in order: its receipt, or why it was refused. One that is refused does not keep the others out.
    /// - Throws: `.tooLarge` for too many; what the engine throws where it could take none or may have taken some.
    public func enqueue(_ requests: [EnqueueRequest]) async throws -> [EnqueueResult] {
        try await enqueue(requests, until: nil)
    }

    /// Enqueues many jobs for somebody who gives up at `limit`: none is added after that.
    package func enqueue(
        _ requests: [EnqueueRequest], until limit: ContinuousClock.Instant?
    ) async throws -> [EnqueueResult] {
        try await pass(requests, isAlone: false, until: limit, from: 0)
    }

    private func send(
        _ requests: [EnqueueRequest], until limit: ContinuousClock.Instant?
    ) async throws -> [EnqueueResult] {
        guard requests.count <= Limits.jobsPerEnqueue else {
            throw SpanQueueError(
                .tooLarge, "\(requests.count) jobs in one call: pass at most \(Limits.jobsPerEnqueue) at a time")
        }
        let parent = TraceContext.current
        let configuration = configuration
        var jobs: [NewJob] = []
        // Empty where all jobs have the same.
        var parents: [TraceContext?] = []
        let haveOwnParents = requests.contains { $0.parent != nil }
        var refusals: [Int: SpanQueueError] = [:]
        var opens: [ApplicationSpans.Open] = []
        jobs.reserveCapacity(requests.count)
        for place in requests.indices {
            let own = requests[place].parent ?? parent
            do {
                jobs.append(try NewJob(requests[place], configuration: configuration, trace: creation(own)))
            } catch {
                refusals[place] = error
                continue
            }
            if haveOwnParents { parents.append(own) }
            if let open = applicationSpans?.created(
                jobs[jobs.count - 1].message, "create", below: requests[place].parent)
            {
                if let trace = open.trace { jobs[jobs.count - 1].message.trace = trace }
                opens.append(open)
            }
            jobs[jobs.count - 1].message.note(parent: own)
        }
        let start = spans == nil ? 0 : SystemClock.now()
        let began = ContinuousClock.now
        let outcomes: [EnqueueOutcome]
        do {
            let deadline = try end(of: began, until: limit)
            outcomes =
                jobs.isEmpty ? [] : try await connection.engine(until: deadline).enqueue(jobs, until: deadline)
        } catch {
            for job in jobs { count(job, .failure(error)) }
            for (queue, _) in jobs.placesByQueue() {
                time("enqueue", queue, ContinuousClock.now - began, ErrorType.name(of: error))
            }
            spans?.enqueued(
                jobs, jobs.placesByQueue(), parent: parent, parents: parents, from: start, .failure(error))
            for open in opens { open.end(errorType: ErrorType.name(of: error), "\(error)") }
            throw error
        }
        let duration = ContinuousClock.now - began
        let groups = jobs.placesByQueue()
        for (queue, _) in groups { time("enqueue", queue, duration) }
        for (_, places) in groups { count(jobs, at: places, outcomes) }
        spans?.enqueued(jobs, groups, parent: parent, parents: parents, from: start, .success(outcomes))
        for (open, outcome) in zip(opens, outcomes) { open.end(errorType: outcome.errorType) }
        var results: [EnqueueResult] = []
        results.reserveCapacity(requests.count)
        for index in jobs.indices {
            while let refusal = refusals[results.count] { results.append(.failure(refusal)) }
            // Not the job as a whole: to copy it is to retain all that it has.
            let asked = EnqueueReceipt(
                id: jobs[index].message.id, type: jobs[index].message.type, queue: jobs[index].message.queue,
                traceID: jobs[index].message.trace.traceID)
            results.append(Self.result(outcomes[index], asked))
        }
        while let refusal = refusals[results.count] { results.append(.failure(refusal)) }
        return results
    }

    /// Connects, keeps the queue open until a graceful shutdown, then closes it. List it before the workers that use it: services stop
    /// in reverse order.
    ///
    /// An engine that can't be reached is tried again until it can. Also where the group is cancelled instead of shut down, because
    /// another service failed, workers that use the queue still settle and release what they hold, and the queue waits for them,
    /// for half a minute at most.
    ///
    /// - Throws: `.unsupported`, `.denied` and the like: what trying again can't fix.
    public func run() async throws {
        let result: Result<Void, any Error>
        do {
            try await cancelWhenGracefulShutdown { _ = try await self.engineWhenReachable() }
            try? await gracefulShutdown()
            result = .success(())
        } catch is CancellationError {
            result = .success(())
        } catch {
            result = .failure(error)
        }
        let workers = Task { [running] in await running.waitUntilNone(within: .seconds(30)) }
        await workers.value
        await shutdown()
        try result.get()
    }

    /// The engine, tried again and again while it can't be reached.
    ///
    /// - Parameter limit: for how long; nil forever.
    /// - Throws: what trying again can't help; `CancellationError`.
    func engineWhenReachable(within limit: Duration? = nil) async throws -> any Engine {
        let deadline = limit.map { ContinuousClock.now + $0 }
        var pause = Duration.milliseconds(100)
        var isKnown = false
        while true {
            do {
                let engine = try await connection.engine()
                if isKnown { logger.notice("connected to the engine") }
                return engine
            } catch let error as SpanQueueError where !error.isFinal {
                if let deadline, ContinuousClock.now + pause > deadline { throw error }
                if !isKnown {
                    logger.error("can't connect: trying again until it works", metadata: ["error": "\(error)"])
                }
                isKnown = true
            }
            try await Task.sleep(for: pause * Double.random(in: 0.5...1))
            pause = min(pause * 2, .seconds(2))
        }
    }

    /// Closes the connection to the engine. Calls afterwards throw `.closed`.
    public func shutdown() async {
        await connection.shutdown()
    }

    /// Where a job is created in its trace: a span of its own where spans are exported, else that of the caller. Where there is no
    /// trace yet, the tracer decides whether the new one is sampled.
    private func creation(_ parent: TraceContext?) -> TraceContext {
        if let parent, spans == nil { return parent }
        return telemetry.tracer?.makeContext(parent: parent) ?? .root()
    }

    private func time(
        _ operation: String, _ queue: String, _ duration: Duration, _ errorType: String? = nil
    ) {
        let metrics = telemetry.metrics
        metrics.series(metrics.operationDuration, operation, queue, errorType ?? "").record(duration)
    }

    /// Jobs of one queue. Those that are alike are counted together.
    private func count(_ jobs: [NewJob], at places: [Int], _ outcomes: [EnqueueOutcome]) {
        var series: EnqueueMetrics?
        var accepted = 0
        func flush() {
            series?.accepted.increment(by: accepted)
            series?.sent.increment(by: accepted)
            accepted = 0
        }
        for place in places {
            guard case .accepted = outcomes[place] else {
                count(jobs[place], .success(outcomes[place]))
                continue
            }
            if series?.type != jobs[place].message.type {
                flush()
                series = self.series.series(jobs[place].message.queue, jobs[place].message.type)
            }
            accepted += 1
        }
        flush()
    }

    private func count(_ job: NewJob, _ result: Result<EnqueueOutcome, any Error>) {
        let metrics = telemetry.metrics
        let queue = job.message.queue
        let (word, errorType): (String, String?) =
            switch result {
            case .success(let outcome): (outcome.word, outcome.errorType)
            case .failure(let error): ("error", ErrorType.name(of: error))
            }
        metrics.enqueued.child(queue, job.message.type, word).increment()
        metrics.series(metrics.sentMessages, "enqueue", queue, errorType ?? "").increment()
    }

    /// - Parameter asked: the receipt of the job that was to be enqueued, before it is known what became of it.
    private static func result(_ outcome: EnqueueOutcome, _ asked: EnqueueReceipt) -> EnqueueResult {
        var receipt = asked
        switch outcome {
        case .accepted(let enqueuedAt, let runAt, _):
            receipt.enqueuedAt = enqueuedAt
            receipt.runAt = runAt
            receipt.state = runAt == nil ? .ready : .scheduled
            return .success(receipt)
        case .present(let existing):
            return .success(EnqueueReceipt(existing, asked: asked))
        case .duplicate(let owner):
            receipt.isDuplicate = true
            return .success(EnqueueReceipt(owner, asked: receipt))
        case .conflict:
            return .failure(
                SpanQueueError(
                    .conflict,
                    "id \(asked.id) is taken in queue \(asked.queue) by a job with another type or payload: use another id"
                ))
        case .refused(let error):
            return .failure(error)
        }
    }
}

extension JobMessage {
    /// Keeps the span of the caller, where the enqueue is one of its own below that.
    fileprivate mutating func note(parent: TraceContext?) {
        guard let parent, parent.traceID == trace.traceID, parent.spanID != trace.spanID else { return }
        parentSpanID = parent.spanID
    }
}

extension EnqueueReceipt {
    /// Of a job before the engine has taken it.
    fileprivate init(id: JobID, type: String, queue: String, traceID: TraceID) {
        self.init(
            id: id, type: type, queue: queue, enqueuedAt: nil, runAt: nil, isDuplicate: false, traceID: traceID,
            state: nil)
    }

    fileprivate init(asked message: JobMessage) {
        self.init(id: message.id, type: message.type, queue: message.queue, traceID: message.trace.traceID)
    }

    /// Of a job that was there before, by what is known of it.
    fileprivate init(_ job: ExistingJob, asked: EnqueueReceipt) {
        self = asked
        id = job.id
        type = job.type ?? asked.type
        traceID = job.traceID ?? asked.traceID
        enqueuedAt = job.enqueuedAt
        runAt = job.dueAt
        state = job.state
    }
}

extension EnqueueOutcome {
    /// A word for why the job was not taken; nil where it was, or where another holds its lock.
    var errorType: String? {
        switch self {
        case .accepted, .present, .duplicate: nil
        case .conflict: SpanQueueError.Code.conflict.rawValue
        case .refused(let error): error.code.rawValue
        }
    }

    /// The word for it in metrics.
    fileprivate var word: String {
        switch self {
        case .accepted, .present: "accepted"
        case .duplicate: "duplicate"
        case .conflict, .refused: "error"
        }
    }
}
