// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Instrumentation
import Logging
import ServiceContextModule
import SpanQueueLoop
import SpanQueueTelemetry

/// Runs one attempt: finds the handler, and calls it inside the middleware and the job's trace.
final class AttemptRunner: Sendable {
    let handlers: HandlerRegistry
    private let middleware: [Middleware]
    /// Who else could run what this worker has no handler for.
    private let peers: Peers?
    /// How results are written.
    let coding: any JobCoding

    init(
        handlers: HandlerRegistry, middleware: [Middleware], coding: any JobCoding = JSONJobCoding(),
        peers: Peers? = nil
    ) {
        self.coding = coding
        self.peers = peers
        self.handlers = handlers
        self.middleware = middleware
    }

    /// - Parameter serviceContext: in which the handler runs; that of its attempt's trace unless given.
    func run(_ context: JobContext, in serviceContext: ServiceContext? = nil) async -> FinishedAttempt {
        let startNanoseconds = SystemClock.now()
        let start = ContinuousClock.now
        context.logAttempt("job started")
        let result = await result(of: context, in: serviceContext)
        let duration = ContinuousClock.now - start
        // What else may come of it is logged where it is settled, at a higher level.
        if case .returned = result { context.logAttempt("job done", took: duration) }
        return FinishedAttempt(result: result, startNanoseconds: startNanoseconds, duration: duration)
    }

    private func result(of context: JobContext, in serviceContext: ServiceContext?) async -> AttemptResult {
        if let deadline = context.claim.message.deadline, context.beganAt > deadline { return .expired }
        guard let handler = handlers.handler(for: context.type) else {
            return .unknownType(isHandledElsewhere: await peers?.handle(context.type, in: context.queue) ?? false)
        }
        do {
            try await ServiceContext.withValue(serviceContext ?? context.trace.serviceContext()) {
                try await call(handler, context, from: 0)
            }
            return .returned
        } catch let error as UndecodablePayload {
            return .undecodable(error.problem)
        } catch {
            return .threw(error)
        }
    }

    private func call(
        _ handler: HandlerRegistry.Handler, _ context: JobContext, from index: Int
    ) async throws {
        guard index < middleware.count else {
            return try await handler.body(context.claim.message.payload, context)
        }
        try await middleware[index](context) { try await call(handler, context, from: index + 1) }
    }
}

/// The other live workers, and what they have said that they handle. Asked only where this worker has no handler for a job, and then
/// once in ten seconds.
actor Peers {
    private static let memory = Duration.seconds(10)

    private let engine: any Engine
    private let ownID: String
    private var question: (answer: Task<[WorkerInfo], Never>, askedAt: ContinuousClock.Instant)?

    init(_ engine: any Engine, besides ownID: String) {
        self.engine = engine
        self.ownID = ownID
    }

    /// Whether one of them serves the queue and has a handler for the type; false where that can't be told.
    func handle(_ type: String, in queue: String) async -> Bool {
        let answer: Task<[WorkerInfo], Never>
        if let question, ContinuousClock.now - question.askedAt < Self.memory {
            answer = question.answer
        } else {
            answer = Task { [engine] in (try? await engine.workers()) ?? [] }
            question = (answer, .now)
        }
        return await answer.value.contains { $0.id != ownID && $0.queues.contains(queue) && $0.handles(type) }
    }
}

/// Finds the handler of a job type: one registered under its name, or else the one with the longest pattern that matches.
struct HandlerRegistry: Sendable {
    struct Handler: Sendable {
        let retryPolicy: RetryPolicy?
        let body: @Sendable (_ payload: [UInt8], JobContext) async throws -> Void
    }

    private var exact: [String: Handler] = [:]
    /// Without the asterisk, longest first.
    private var prefixes: [(prefix: String, handler: Handler)] = []

    /// - Parameter pattern: a job type, or the beginning of one and an asterisk: `email:*`, `*`.
    mutating func register(_ pattern: String, _ handler: Handler) throws(SpanQueueError) {
        guard pattern.hasSuffix("*") else {
            try NameRule.jobType.check(pattern)
            guard exact.updateValue(handler, forKey: pattern) == nil else { throw Self.taken(pattern) }
            return
        }
        let prefix = String(pattern.dropLast())
        if !prefix.isEmpty { try NameRule.jobType.check(prefix) }
        guard !prefixes.contains(where: { $0.prefix == prefix }) else { throw Self.taken(pattern) }
        prefixes.append((prefix, handler))
        prefixes.sort { $0.prefix.utf8.count > $1.prefix.utf8.count }
    }

    /// The names and patterns, as a worker announces them: bounded, for they are written every ten seconds.
    var patterns: [String] {
        Array((prefixes.map { $0.prefix + "*" } + exact.keys.sorted()).prefix(WorkerInfo.mostTypes))
    }

    func handler(for type: String) -> Handler? {
        exact[type] ?? prefixes.first { type.hasPrefix($0.prefix) }?.handler
    }

    private static func taken(_ pattern: String) -> SpanQueueError {
        SpanQueueError(.invalidArgument, "\(pattern) has a handler already: register one for each job type or pattern")
    }
}

/// How a handler ended, before it is decided what that means for the job.
enum AttemptResult: Sendable {
    /// It returned.
    case returned
    /// It threw.
    case threw(any Error)
    /// It was not run: the payload can't be decoded.
    case undecodable(String)
    /// It was not run: no handler is registered for the type.
    case unknownType(isHandledElsewhere: Bool)
    /// It was not run: the job's deadline has passed.
    case expired
    /// It was not run: the claim came when the worker was told to stop, or the attempt was cancelled while it waited for a thread.
    case notStarted

    /// Whether the application's code ran, so that there is a time to measure.
    var ranHandler: Bool {
        switch self {
        case .returned, .threw: true
        case .undecodable, .unknownType, .expired, .notStarted: false
        }
    }
}

/// Why the worker cancelled a handler.
enum CancelCause: Sendable, Equatable {
    /// The attempt ran longer than its timeout.
    case timeout
    /// A person cancelled the job.
    case cancelRequested
    /// The lease is lost: another worker may have the job.
    case leaseLost
    /// The worker is being shut down.
    case drain
}

/// A payload that is not what its type says. Thrown by typed handlers before the application's code runs.
struct UndecodablePayload: Error {
    let problem: String
}

/// What a handler throws that was ended from outside because the whole worker is to end: the job is released, and no attempt is
/// charged.
package struct JobReleased: Error {
    /// It says nothing more.
    package init() {}
}

/// How an attempt ended, and when.
struct FinishedAttempt: Sendable {
    let result: AttemptResult
    /// On the wall clock.
    let startNanoseconds: UInt64
    let duration: Duration

    /// By the duration, which no one who sets the wall clock can change.
    var endNanoseconds: UInt64 { startNanoseconds &+ UInt64(max(0, duration.inSeconds) * 1e9) }
}
