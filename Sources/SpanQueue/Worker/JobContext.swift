// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import Logging
public import SpanQueueTelemetry
import Synchronization

/// What a handler knows of the attempt that it runs.
public final class JobContext: Sendable {
    /// The job's id.
    public var id: JobID { claim.message.id }
    /// Its type.
    public var type: String { claim.message.type }
    /// Its queue.
    public var queue: String { claim.message.queue }
    /// Its tags.
    public var tags: [String] { claim.message.tags }
    /// The number of this attempt, from 1.
    public var attempt: Int { claim.attempt }
    /// How many attempts the job has at most.
    public var maxAttempts: Int { claim.message.maxAttempts }
    /// Rises with every claim of the job: hand it to a store of your own, and have that refuse lower ones.
    public var token: Int64 { claim.reference.token.value }
    /// When the engine accepted the job, by the engine's clock.
    public var enqueuedAt: Timestamp { claim.message.enqueuedAt }
    /// When this attempt was claimed, by the engine's clock.
    public var claimedAt: Timestamp { claim.claimedAt }
    /// When this attempt must have ended or the job is not worth starting any more, whichever is earlier, by the engine's clock;
    /// nil for no bound.
    public var deadline: Timestamp? {
        let timeout = claim.message.timeout.map { beganAt + $0 }
        guard let timeout, let deadline = claim.message.deadline else { return timeout ?? claim.message.deadline }
        return min(timeout, deadline)
    }
    /// When the handler began: after the claim by what the job waited for a thread of the pool. Its timeout counts from here.
    var beganAt: Timestamp { claim.claimedAt + .milliseconds(waitMilliseconds.load(ordering: .relaxed)) }
    /// Where this attempt stands in its trace.
    public let trace: TraceContext
    /// A logger whose lines carry the job's id, type, queue, attempt, trace and span.
    public var logger: Logger {
        lazyLogger.withLock { logger in
            if let logger { return logger }
            let made = makeLogger()
            logger = made
            return made
        }
    }

    /// Made when it is first asked for: setting metadata costs more than all the rest of an attempt that does nothing.
    private let lazyLogger = Mutex<Logger?>(nil)
    let claim: ClaimedJob
    private let environment: Environment
    private let waitMilliseconds = Atomic<Int64>(0)
    private let reported: Mutex<Reported>

    /// What the handler has reported so far.
    package struct Reported: Sendable {
        package var progress: JobProgress?
        package var result: [UInt8]?
    }

    /// Stores progress; false where the job is no longer the worker's.
    typealias Store = @Sendable (JobProgress, ClaimedJob) async throws -> Bool

    /// What all attempts of a worker share.
    final class Environment: Sendable {
        let store: Store
        let limits: Limits
        let logger: Logger
        let attemptLogLevel: @Sendable (JobContext) -> Logger.Level
        /// The worker drains.
        let isStopping = Atomic(false)

        let coding: any JobCoding

        convenience init(
            engine: any Engine, limits: Limits, logger: Logger, coding: any JobCoding = JSONJobCoding(),
            attemptLogLevel: @escaping @Sendable (JobContext) -> Logger.Level = { _ in .debug }
        ) {
            self.init(
                store: { try await engine.report($0, on: $1) }, limits: limits, logger: logger, coding: coding,
                attemptLogLevel: attemptLogLevel)
        }

        init(
            store: @escaping Store, limits: Limits, logger: Logger, coding: any JobCoding,
            attemptLogLevel: @escaping @Sendable (JobContext) -> Logger.Level = { _ in .debug }
        ) {
            self.coding = coding
            self.store = store
            self.limits = limits
            self.logger = logger
            self.attemptLogLevel = attemptLogLevel
        }
    }

    init(_ claim: ClaimedJob, _ environment: Environment, trace: TraceContext) {
        self.trace = trace
        self.claim = claim
        self.environment = environment
        self.reported = Mutex(Reported())
    }

    /// The handler begins so long after the claim.
    func noteWait(_ wait: Duration) {
        waitMilliseconds.store(Int64(wait.milliseconds), ordering: .relaxed)
    }

    private func makeLogger() -> Logger {
        var logger = environment.logger
        logger[metadataKey: "job_id"] = "\(id)"
        logger[metadataKey: "job_type"] = "\(type)"
        logger[metadataKey: "queue"] = "\(queue)"
        logger[metadataKey: "attempt"] = "\(attempt)"
        logger[metadataKey: "trace_id"] = "\(trace.traceID)"
        logger[metadataKey: "span_id"] = "\(trace.spanID)"
        return logger
    }

    /// Says how far the job has come, for others to see: `spanq job show`, `JobRecord.progress`. It costs a round trip, and fails
    /// nothing: what could not be stored is logged, and stored with the end of the attempt.
    ///
    /// - Parameters:
    ///   - fraction: 0 to 1; others are brought into that range.
    ///   - note: what it is doing; the first 256 bytes are kept.
    /// - Returns: whether it is stored. False may mean that the job is no longer this worker's; the task is cancelled then, within a
    ///   third of the lease.
    @discardableResult
    public func reportProgress(_ fraction: Double, _ note: String = "") async -> Bool {
        do {
            if try await storeProgress(fraction, note) { return true }
            logger.debug("progress not stored: the job is no longer this worker's")
        } catch {
            logger.debug("progress not stored", metadata: ["error": "\(error)"])
        }
        return false
    }

    /// The same, for those who must tell a lost lease from an engine that is away.
    ///
    /// - Returns: false where the job is no longer this worker's.
    /// - Throws: what the engine throws.
    package func storeProgress(_ fraction: Double, _ note: String = "") async throws -> Bool {
        let progress = JobProgress(
            fraction: fraction.isFinite ? min(max(fraction, 0), 1) : 0,
            note: Excerpt.bounded(note, bytes: Limits.progressBytes))
        reported.withLock { $0.progress = progress }
        return try await environment.store(progress, claim)
    }

    /// Sets the job's result, which is stored when the attempt completes. The latest one counts.
    ///
    /// - Throws: `.tooLarge` for more than `JobQueueConfiguration.maxResultBytes`.
    public func setResult(bytes: [UInt8]) throws(SpanQueueError) {
        guard bytes.count <= environment.limits.resultBytes else {
            throw SpanQueueError(
                .tooLarge,
                "the result of job \(id) has \(bytes.count) bytes and may have \(environment.limits.resultBytes): store it elsewhere"
            )
        }
        reported.withLock { $0.result = bytes }
    }

    /// Whether the worker has been told to stop, or is so within some time: a supervisor that ends a whole group signals the worker and
    /// what it runs in no order.
    package func isStopping(within limit: Duration) async -> Bool {
        let deadline = ContinuousClock.now + limit
        while !environment.isStopping.load(ordering: .relaxed) {
            guard ContinuousClock.now < deadline else { return false }
            do { try await Task.sleep(for: .milliseconds(10)) } catch { return false }
        }
        return true
    }

    /// Logs the start or the end of this attempt, where the log takes lines of its level: else no logger is made.
    func logAttempt(_ message: Logger.Message, took duration: Duration? = nil) {
        guard environment.logger.logLevel <= environment.attemptLogLevel(self) else { return }
        let metadata: Logger.Metadata? = duration.map {
            ["took": "\(DurationText.format(.milliseconds($0.milliseconds)))"]
        }
        logger.log(level: environment.attemptLogLevel(self), message, metadata: metadata)
    }

    /// Sets the job's result to a value, which `JobRecord.result(as:)` reads back. It is encoded as the queue's payloads are, and
    /// stored when the attempt completes. The latest result counts.
    ///
    /// - Throws: `.invalidArgument` where the value can't be encoded; `.tooLarge` for more than `JobQueueConfiguration.maxResultBytes`.
    public func setResult<Value: Encodable>(_ value: Value) throws {
        let bytes: [UInt8]
        do {
            bytes = try environment.coding.encode(value)
        } catch {
            throw SpanQueueError(
                .invalidArgument, "the result of job \(id) can't be encoded: \(CodingProblem.describe(error))",
                underlying: error)
        }
        try setResult(bytes: bytes)
    }

    /// What is to be stored with the settlement.
    package var report: Reported { reported.withLock { $0 } }
}
