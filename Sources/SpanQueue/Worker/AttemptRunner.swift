import Instrumentation
import Logging
import ServiceContextModule
import SpanQueueTelemetry

/// Runs one attempt: finds the handler, and calls it inside the middleware and the job's trace.
final class AttemptRunner: Sendable {
    let handlers: HandlerRegistry
    private let middleware: [Middleware]
    /// How results are written.
    let coding: any JobCoding

    init(handlers: HandlerRegistry, middleware: [Middleware], coding: any JobCoding = JSONJobCoding()) {
        self.coding = coding
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
        if let deadline = context.claim.message.deadline, context.claimedAt > deadline { return .expired }
        guard let handler = handlers.handler(for: context.type) else { return .unknownType }
        let job = RawJob(type: context.type, payload: context.claim.message.payload)
        do {
            try await ServiceContext.withValue(serviceContext ?? context.trace.serviceContext()) {
                try await call(handler, job, context, from: 0)
            }
            return .returned
        } catch let error as UndecodablePayload {
            return .undecodable(error.problem)
        } catch {
            return .threw(error)
        }
    }

    private func call(
        _ handler: HandlerRegistry.Handler, _ job: RawJob, _ context: JobContext, from index: Int
    ) async throws {
        guard index < middleware.count else { return try await handler.body(job, context) }
        try await middleware[index](context) { try await call(handler, job, context, from: index + 1) }
    }
}
