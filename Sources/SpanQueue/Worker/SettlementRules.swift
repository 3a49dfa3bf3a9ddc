// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Decides what the end of an attempt means for its job. Pure, but for the jitter of a retry policy.
struct SettlementRules: Sendable {
    let handlers: HandlerRegistry
    let retryPolicy: RetryPolicy
    let retryDelay: (@Sendable (Int, any Error) -> Duration?)?
    let unknownTypeDelay: Duration
    let unknownTypeRetries: Int
    let errorText: ErrorText

    init(
        handlers: HandlerRegistry, retryPolicy: RetryPolicy,
        retryDelay: (@Sendable (Int, any Error) -> Duration?)? = nil, unknownTypeDelay: Duration,
        unknownTypeRetries: Int, errorText: ErrorText = ErrorText()
    ) {
        self.handlers = handlers
        self.retryPolicy = retryPolicy
        self.retryDelay = retryDelay
        self.unknownTypeDelay = unknownTypeDelay
        self.unknownTypeRetries = unknownTypeRetries
        self.errorText = errorText
    }

    init(_ configuration: WorkerConfiguration, handlers: HandlerRegistry) {
        self.init(
            handlers: handlers, retryPolicy: configuration.retryPolicy, retryDelay: configuration.retryDelay,
            unknownTypeDelay: configuration.unknownTypeDelay, unknownTypeRetries: configuration.unknownTypeRetries,
            errorText: ErrorText(describe: configuration.describeError))
    }

    private struct Decision {
        var verdict: Verdict
        var errorType: String?
        var error: String?
    }

    /// - Returns: nil where there is nothing to settle, because the lease is lost.
    func settlement(
        for claim: ClaimedJob, _ result: AttemptResult, cause: CancelCause?, report: JobContext.Reported
    ) -> Settlement? {
        guard cause != .leaseLost, var decision = decide(claim, result, cause) else { return nil }
        if case .cancel(let reason) = decision.verdict {
            decision.verdict = .cancel(reason: Excerpt.bounded(reason, bytes: Limits.historyErrorBytes))
        }
        let error = decision.error.map { Excerpt.bounded($0, bytes: Limits.errorBytes) }
        return Settlement(
            claim, decision.verdict,
            AttemptReport(
                errorType: decision.errorType, error: error,
                fingerprint: error.map {
                    ErrorFingerprint(jobType: claim.message.type, errorType: decision.errorType, error: $0).value
                },
                progress: report.progress, result: decision.verdict == .complete ? report.result : nil))
    }

    /// The burial of a claimed job whose record can't be read.
    func burial(of job: UnreadableJob) -> Settlement {
        var message = JobMessage.unreadable(id: job.reference.id, queue: job.reference.queue)
        message.enqueuedAt = job.claimedAt
        let claim = ClaimedJob(
            message: message, run: RunRecord(), reference: job.reference, claimedAt: job.claimedAt)
        let error = Excerpt.bounded("the job's record can't be read: \(job.problem)", bytes: Limits.errorBytes)
        let print = ErrorFingerprint(jobType: message.type, errorType: "decode_error", error: error)
        return Settlement(
            claim, .bury(.decodeError),
            AttemptReport(errorType: "decode_error", error: error, fingerprint: print.value))
    }

    private func decide(_ claim: ClaimedJob, _ result: AttemptResult, _ cause: CancelCause?) -> Decision? {
        switch (result, cause) {
        case (.returned, _):
            Decision(verdict: .complete)
        case (.expired, _):
            Decision(
                verdict: .bury(.expired), errorType: "expired",
                error: "the job's deadline passed before this attempt could start")
        case (.undecodable(let problem), _):
            Decision(
                verdict: .bury(.decodeError), errorType: "decode_error",
                error: "the payload is not a \(claim.message.type): \(problem)")
        case (.unknownType(let isHandledElsewhere), _):
            decideUnknownType(claim, isHandledElsewhere)
        case (.notStarted, _):
            Decision(verdict: .release)
        case (.threw, .timeout):
            decideFailure(
                claim, type: "timeout",
                error:
                    "the attempt ran longer than its timeout of \(DurationText.format(claim.message.timeout ?? .zero))",
                delay: nil, cause: TimedOut())
        case (.threw, .cancelRequested):
            Decision(verdict: .cancel(reason: "cancelled while it ran"))
        case (.threw, .drain):
            Decision(verdict: .release)
        case (.threw(let error), _):
            decideError(claim, error)
        }
    }

    /// A worker that has no handler gives the job back at once where another has one: the first time without a delay, then with longer
    /// ones, so that two workers without one do not toss it to and fro. Where nobody has one it waits longer, and dies of it in the end.
    private func decideUnknownType(_ claim: ClaimedJob, _ isHandledElsewhere: Bool) -> Decision {
        let looks = claim.looks
        let verdict: Verdict
        if isHandledElsewhere {
            let delay = looks == 0 ? .zero : Duration.milliseconds(100) * (1 << min(looks - 1, 10))
            verdict = .retry(after: min(delay, unknownTypeDelay))
        } else {
            verdict = looks < unknownTypeRetries ? .retry(after: unknownTypeDelay) : .bury(.unknownJobType)
        }
        return Decision(
            verdict: verdict, errorType: "unknown_job_type",
            error:
                "this worker has no handler for \(claim.message.type): "
                + (isHandledElsewhere
                    ? "another worker of the queue has" : "register one, or serve the queue by workers that do"))
    }

    private func decideError(_ claim: ClaimedJob, _ error: any Error) -> Decision {
        switch error {
        case is JobReleased:
            Decision(verdict: .release)
        case let error as JobError:
            decide(claim, error)
        case let error as ForeignFailure:
            error.isPermanent
                ? Decision(verdict: .bury(.permanent), errorType: error.errorType, error: error.text)
                : decideFailure(claim, type: error.errorType, error: error.text, delay: error.delay, cause: error)
        case let error as SpanQueueError where error.code == .tooLarge || error.code == .invalidArgument:
            // Nothing was sent, and the same attempt would end in the same way.
            Decision(verdict: .bury(.permanent), errorType: error.code.rawValue, error: error.message)
        default:
            decideFailure(
                claim, type: ErrorType.name(of: error), error: errorText.text(of: error), delay: nil, cause: error)
        }
    }

    private func decide(_ claim: ClaimedJob, _ error: JobError) -> Decision {
        switch error.kind {
        case .permanent:
            return Decision(verdict: .bury(.permanent), errorType: "permanent", error: error.text)
        case .cancel:
            return Decision(verdict: .cancel(reason: error.text))
        case .retry(let delay):
            let text = error.text.isEmpty ? "the handler asked for a retry" : error.text
            return decideFailure(claim, type: "retry", error: text, delay: delay, cause: error)
        case .snooze(let delay):
            guard claim.snoozes < Limits.snoozes else {
                let text = "the handler has put the job off \(Limits.snoozes) times in a row"
                return decideFailure(claim, type: "snooze", error: text, delay: delay, cause: error)
            }
            return Decision(verdict: .snooze(for: min(max(delay, .zero), Limits.farthestDelay)))
        }
    }

    private func decideFailure(
        _ claim: ClaimedJob, type: String, error: String, delay: Duration?, cause: any Error
    ) -> Decision {
        guard claim.attempt < claim.message.maxAttempts else {
            return Decision(verdict: .bury(.attemptsExhausted), errorType: type, error: error)
        }
        let wait = delay ?? self.delay(of: claim, cause)
        return Decision(
            verdict: .retry(after: min(max(wait, .zero), Limits.farthestDelay)), errorType: type, error: error)
    }

    /// The nearest to the job counts.
    private func delay(of claim: ClaimedJob, _ cause: any Error) -> Duration {
        if let policy = claim.message.backoff ?? handlers.handler(for: claim.message.type)?.retryPolicy {
            return policy.delay(afterAttempt: claim.attempt)
        }
        return retryDelay?(claim.attempt, cause) ?? retryPolicy.delay(afterAttempt: claim.attempt)
    }
}

/// Stands for the handler's error where the worker ended the attempt, for `WorkerConfiguration.retryDelay` to see.
struct TimedOut: Error {}
