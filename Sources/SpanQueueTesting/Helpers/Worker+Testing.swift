// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import Logging
public import SpanQueue

extension Worker {
    /// Runs everything that is due, moves the clock to when the next job of the worker's queues is due, and so on, until nothing
    /// is left that is due within `limit`: all retries and delayed jobs run inline, without waiting.
    ///
    /// - Parameters:
    ///   - queue: the queue that the worker serves, on an engine with `clock`.
    ///   - clock: the engine's clock.
    ///   - limit: how far the clock is moved at most; one day by default.
    /// - Returns: how many attempts ended in which way, in all runs together; each outcome is there.
    @discardableResult
    public func runAllDue(
        in queue: JobQueue, advancing clock: ManualClock, atMost limit: Duration = .seconds(86_400)
    ) async throws -> [AttemptOutcome: Int] {
        let end = clock.now + limit
        var total: [AttemptOutcome: Int] = [:]
        while true {
            total.merge(try await runOnce(), uniquingKeysWith: +)
            var next: Timestamp?
            for name in configuration.selection.queues {
                for state in [JobState.scheduled, .retrying] {
                    let page = try await queue.list(ListRequest(queue: name, state: state, limit: 1))
                    guard let due = page.jobs.first?.dueAt else { continue }
                    next = min(next ?? due, due)
                }
            }
            guard let next, next <= end else { return total }
            clock.advance(by: max(.zero, next - clock.now))
        }
    }
}

extension Worker {
    /// Runs the worker's handler for a job once, inside its middleware, without a queue: the job is encoded and decoded as always, and
    /// nothing is stored. Timeouts are not kept; what the handler enqueues itself goes where it always does.
    ///
    /// ```swift
    /// let job = try await worker.perform(WelcomeEmail(userID: 42), attempt: 3)
    /// #expect(job.state == .retrying)
    /// ```
    ///
    /// - Parameters:
    ///   - options: those of the job's enqueue; its type's come first.
    ///   - attempt: the number of the attempt, from 1.
    /// - Returns: the record that the job would have after it: its state, when it would be tried again (`dueAt`), the error, the
    ///   result, the progress.
    /// - Throws: `.invalidState` where the worker has no handler for the type; `.invalidArgument` or `.tooLarge` for a job that
    ///   could not be enqueued. What the handler throws is not thrown: it decides what becomes of the job.
    @discardableResult
    public func perform<J: Job>(_ job: J, _ options: EnqueueOption..., attempt: Int = 1) async throws -> JobRecord {
        try await rehearse(EnqueueRequest(job, options), attempt: attempt)
    }

    /// The same for a job by its type's name.
    @discardableResult
    public func perform(
        type: String, payload: [UInt8], _ options: EnqueueOption..., attempt: Int = 1
    ) async throws -> JobRecord {
        try await rehearse(EnqueueRequest(type: type, payload: payload, options: options), attempt: attempt)
    }
}

extension JobContext {
    /// A context for a handler that a test calls itself. What the handler reports stays in it; progress counts as stored.
    ///
    /// ```swift
    /// let context = try JobContext.testing(attempt: 2)
    /// try await sendWelcome(WelcomeEmail(userID: 42), context)
    /// #expect(context.reportedProgress == 1)
    /// ```
    ///
    /// - Parameters:
    ///   - type: the job's type.
    ///   - options: those of the job's enqueue, such as `.queue("mail")`, `.maxRetries(3)`.
    ///   - attempt: the number of the attempt, from 1.
    /// - Throws: `.invalidArgument` for what could not be enqueued.
    public static func testing(
        type: String = "test", _ options: EnqueueOption..., attempt: Int = 1,
        logger: Logger = Logger(label: "spanqueue.testing", factory: { _ in SwiftLogNoOpLogHandler() })
    ) throws(SpanQueueError) -> JobContext {
        try .rehearsal(EnqueueRequest(type: type, payload: [], options: options), attempt: attempt, logger: logger)
    }

    /// The latest that its handler has said by `reportProgress`, 0 to 1; nil if it has said nothing.
    public var reportedProgress: Double? { report.progress?.fraction }

    /// The words that it has said with that; empty if there are none.
    public var reportedProgressNote: String { report.progress?.note ?? "" }

    /// The result that its handler has set, as it would be stored.
    public var resultBytes: [UInt8]? { report.result }
}

extension JobQueue {
    /// A queue on a fresh in-memory engine.
    ///
    /// ```swift
    /// let clock = ManualClock()
    /// let queue = try JobQueue.testing(clock: clock)
    /// try await signUp(user, queue)
    /// #expect(try await queue.enqueued(WelcomeEmail.self).map(\.userID) == [42])
    /// ```
    ///
    /// - Parameter clock: what judges every deadline; by default the machine's.
    public static func testing(
        clock: ManualClock? = nil, configuration: JobQueueConfiguration = JobQueueConfiguration(),
        logger: Logger = Logger(label: "spanqueue.testing", factory: { _ in SwiftLogNoOpLogHandler() })
    ) throws -> JobQueue {
        try JobQueue(engine: .inMemory(clock: clock), configuration: configuration, logger: logger)
    }

    /// The jobs of a type that wait for a worker, decoded: ready ones first, then scheduled and retrying ones by due time.
    ///
    /// - Parameter queue: the only queue to look at; all by default.
    /// - Throws: a `DecodingError` where a payload is not a `J`.
    public func enqueued<J: Job>(_ type: J.Type, in queue: String? = nil) async throws -> [J] {
        try await enqueuedRecords(J.jobType, in: queue).map { try $0.message.decode(type) }
    }

    /// The records of the jobs of a type that wait for a worker; see `enqueued(_:in:)`.
    public func enqueuedRecords(_ type: String, in queue: String? = nil) async throws -> [JobRecord] {
        let queues = try await counts(of: queue.map { [$0] }).map(\.queue)
        var records: [JobRecord] = []
        for state in [JobState.ready, .scheduled, .retrying] {
            for queue in queues {
                var request = ListRequest(queue: queue, state: state)
                repeat {
                    let page = try await list(request)
                    records += page.jobs.filter { $0.message.type == type }
                    request.cursor = page.cursor
                } while request.cursor != nil
            }
        }
        return records
    }
}
