// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging
import SpanQueueTelemetry

extension JobContext {
    /// The context of an attempt that no engine knows of, at a job that was enqueued and claimed just now: for tests of handlers.
    ///
    /// - Throws: `.invalidArgument`, `.tooLarge` where the job could not be enqueued so.
    package static func rehearsal(
        _ request: EnqueueRequest, attempt: Int, _ configuration: JobQueueConfiguration = JobQueueConfiguration(),
        telemetry: JobTelemetry = .standard, logger: Logger
    ) throws(SpanQueueError) -> JobContext {
        guard (1...1000).contains(attempt) else {
            throw .invalidArgument("an attempt has a number from 1 to 1000, and not \(attempt)")
        }
        let now = Timestamp.present
        let job = try NewJob(request, configuration: configuration, trace: .root())
        let message = job.message(acceptedAt: now)
        var run = RunRecord()
        run.attempts = attempt - 1
        let claim = ClaimedJob(
            message: message, run: run,
            reference: ClaimReference(
                id: message.id, queue: message.queue, token: FencingToken(value: Int64(attempt), nonce: 0),
                worker: "test"),
            claimedAt: now)
        let trace = AttemptTrace.context(
            of: message, token: claim.reference.token, eligibleAt: claim.eligibleAt, telemetry: telemetry)
        return JobContext(
            claim,
            Environment(
                store: { _, _ in true }, limits: configuration.limits, logger: logger, coding: configuration.coding),
            trace: trace)
    }
}

extension Worker {
    /// Runs one attempt at a job that no engine knows of, inside the middleware, as the worker would, but without a timeout.
    ///
    /// - Returns: the record that the job would have then.
    /// - Throws: `.invalidState` where there is no handler for it; as `JobContext.rehearsal`.
    package func rehearse(_ request: EnqueueRequest, attempt: Int) async throws -> JobRecord {
        let runner = attemptRunner()
        guard runner.handlers.handler(for: request.type) != nil else {
            throw SpanQueueError(.invalidState, "the worker has no handler for \(request.type): call handle() first")
        }
        let context = try JobContext.rehearsal(
            request, attempt: attempt, queue.configuration, telemetry: queue.telemetry, logger: queue.logger)
        let finished = await runner.run(context)
        let rules = SettlementRules(configuration, handlers: runner.handlers)
        guard let settlement = rules.settlement(for: context.claim, finished.result, cause: nil, report: context.report)
        else { throw SpanQueueError(.leaseLost, "the attempt at \(context.id) left nothing to settle") }
        let end = Timestamp.present
        var run = settlement.run
        if var record = run.history.popLast()?.attempt {
            record.endedAt = end
            run.history.append(.attempt(record))
        }
        return JobRecord(
            message: context.claim.message, state: settlement.verdict.state, run: run,
            dueAt: settlement.verdict.delay.map { end + $0 })
    }
}

extension Timestamp {
    /// By the clock of the machine.
    fileprivate static var present: Timestamp { Timestamp(milliseconds: Int64(SystemClock.now() / 1_000_000)) }
}

extension Verdict {
    /// Where the job stands after it.
    fileprivate var state: JobState {
        switch self {
        case .complete: .completed
        case .retry, .snooze: .retrying
        case .bury: .dead
        case .release: .ready
        case .cancel: .cancelled
        }
    }
}
