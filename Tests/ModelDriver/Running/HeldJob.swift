import SpanQueue

/// A job that a worker believes to hold.
struct HeldJob {
    let claimed: ClaimedJob
    /// The record with what the attempt has reported so far.
    var run: RunRecord
    /// The end that was decided and not answered yet: it is sent until it is.
    var settlement: Settlement?
    var cancelRequested = false

    init(_ claimed: ClaimedJob) {
        self.claimed = claimed
        run = claimed.run
    }

    var reference: ClaimReference { claimed.reference }

    /// Ends the attempt as a worker does.
    func settlement(_ verdict: Verdict, error: String? = nil, errorType: String? = nil) -> Settlement {
        var run = run
        var attempt = AttemptRecord(
            number: claimed.attempt, token: reference.token, worker: reference.worker,
            eligibleAt: claimed.eligibleAt, claimedAt: claimed.claimedAt, endedAt: claimed.claimedAt,
            outcome: verdict.outcome, errorType: errorType, error: error)
        switch verdict {
        case .retry(let delay): attempt.retryDelay = delay
        case .bury(let reason): attempt.reason = reason.rawValue
        case .cancel(let reason): attempt.reason = reason
        case .complete, .release: break
        }
        if attempt.isCharged { run.attempts += 1 }
        run.lastError = error ?? run.lastError
        run.append(.attempt(attempt))
        return Settlement(reference: reference, verdict: verdict, run: run, terms: JobTerms(claimed.message))
    }

    /// Decides how the attempt ends.
    func decide(_ generator: inout SeededGenerator) -> Settlement {
        if cancelRequested, generator.once(in: 2) { return settlement(.cancel(reason: "cancelled while it ran")) }
        switch generator.below(20) {
        case 0..<8: return settlement(.complete)
        case 8..<13:
            let isLast = claimed.attempt >= claimed.message.maxAttempts
            let delay = Duration.milliseconds(generator.pick([0, 1, 20, 1000, 5000, 30_000]))
            let verdict = isLast ? Verdict.bury(.attemptsExhausted) : .retry(after: delay)
            return settlement(verdict, error: generator.pick(["no", "nul \0 and é"]), errorType: "Refused")
        case 13, 14: return settlement(.bury(.permanent), error: "never", errorType: "permanent")
        case 15: return settlement(.bury(.expired), error: "too late", errorType: "expired")
        case 16: return settlement(.cancel(reason: "by its handler"))
        default: return settlement(.release)
        }
    }
}

extension [Settlement] {
    /// As the engine sends them: plain completions first.
    var inOrderOfSending: [Settlement] {
        func isPlain(_ settlement: Settlement) -> Bool {
            settlement.verdict == .complete && settlement.terms.retention == .standard
                && settlement.terms.unique == nil
        }
        return filter(isPlain) + filter { !isPlain($0) }
    }
}
