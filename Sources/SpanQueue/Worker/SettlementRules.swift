/// Decides what the end of an attempt means for its job. Pure, but for the jitter of a retry policy.
struct SettlementRules: Sendable {
    let handlers: HandlerRegistry
    let retryPolicy: any RetryPolicy
    let unknownTypeDelay: Duration
    let unknownTypeRetries: Int
    let errorText: ErrorText

    init(
        handlers: HandlerRegistry, retryPolicy: any RetryPolicy, unknownTypeDelay: Duration, unknownTypeRetries: Int,
        errorText: ErrorText = ErrorText()
    ) {
        self.handlers = handlers
        self.retryPolicy = retryPolicy
        self.unknownTypeDelay = unknownTypeDelay
        self.unknownTypeRetries = unknownTypeRetries
        self.errorText = errorText
    }

    init(_ configuration: WorkerConfiguration, handlers: HandlerRegistry) {
        self.init(
            handlers: handlers, retryPolicy: configuration.retryPolicy,
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
        var run = claim.run
        run.progress = report.progress
        run.result = decision.verdict == .complete ? report.result : claim.run.result
        if let error = decision.error { run.lastError = Excerpt.bounded(error, bytes: Limits.errorBytes) }
        var record = AttemptRecord(
            number: claim.attempt, token: claim.reference.token, worker: claim.reference.worker,
            eligibleAt: claim.eligibleAt, claimedAt: claim.claimedAt, endedAt: claim.claimedAt,
            outcome: decision.verdict.outcome)
        record.errorType = decision.errorType
        record.error = decision.error.map { Excerpt.bounded($0, bytes: Limits.historyErrorBytes) }
        switch decision.verdict {
        case .retry(let delay): record.retryDelay = delay
        case .bury(let reason): record.reason = reason.rawValue
        case .cancel(let reason): record.reason = reason
        case .complete, .release: break
        }
        if record.isCharged { run.attempts += 1 }
        run.append(.attempt(record))
        return Settlement(
            reference: claim.reference, verdict: decision.verdict, run: run, terms: JobTerms(claim.message))
    }

    /// The burial of a claimed job whose record can't be read.
    func burial(of job: UnreadableJob) -> Settlement {
        var run = RunRecord()
        run.lastError = Excerpt.bounded("the job's record can't be read: \(job.problem)", bytes: Limits.errorBytes)
        run.append(
            .attempt(
                AttemptRecord(
                    number: 1, token: job.reference.token, worker: job.reference.worker, eligibleAt: job.claimedAt,
                    claimedAt: job.claimedAt, endedAt: job.claimedAt, outcome: .buried,
                    reason: DeadReason.decodeError.rawValue, errorType: "decode_error", error: run.lastError)))
        return Settlement(reference: job.reference, verdict: .bury(.decodeError), run: run, terms: JobTerms())
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
        case (.unknownType, _):
            decideUnknownType(claim)
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

    private func decideUnknownType(_ claim: ClaimedJob) -> Decision {
        let looks = claim.run.attemptRecords.reversed().prefix { $0.errorType == "unknown_job_type" }.count
        let verdict = looks < unknownTypeRetries ? Verdict.retry(after: unknownTypeDelay) : .bury(.unknownJobType)
        return Decision(
            verdict: verdict, errorType: "unknown_job_type",
            error:
                "this worker has no handler for \(claim.message.type): register one, or serve the queue by workers that do"
        )
    }

    private func decideError(_ claim: ClaimedJob, _ error: any Error) -> Decision {
        switch error {
        case is JobReleased:
            Decision(verdict: .release)
        case JobError.permanent(let text):
            Decision(verdict: .bury(.permanent), errorType: "permanent", error: text)
        case JobError.cancel(let text):
            Decision(verdict: .cancel(reason: text))
        case JobError.retry(let delay, let text):
            decideFailure(
                claim, type: "retry", error: text.isEmpty ? "the handler asked for a retry" : text, delay: delay,
                cause: error)
        case let error as SpanQueueError where error.code == .tooLarge || error.code == .invalidArgument:
            // Nothing was sent, and the same attempt would end in the same way.
            Decision(verdict: .bury(.permanent), errorType: error.code.rawValue, error: error.message)
        default:
            decideFailure(
                claim, type: ErrorType.name(of: error), error: errorText.text(of: error), delay: nil, cause: error)
        }
    }

    private func decideFailure(
        _ claim: ClaimedJob, type: String, error: String, delay: Duration?, cause: any Error
    ) -> Decision {
        guard claim.attempt < claim.message.maxAttempts else {
            return Decision(verdict: .bury(.attemptsExhausted), errorType: type, error: error)
        }
        let policy = claim.message.backoff ?? handlers.handler(for: claim.message.type)?.retryPolicy ?? retryPolicy
        let wait = delay ?? policy.delay(afterAttempt: claim.attempt, error: cause)
        return Decision(
            verdict: .retry(after: min(max(wait, .zero), Limits.farthestDelay)), errorType: type, error: error)
    }
}

/// Stands for the handler's error where the worker ended the attempt, for the retry policy to see.
struct TimedOut: Error {}
