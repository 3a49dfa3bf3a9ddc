import Logging
import SpanQueueLoop

extension WorkerCore {
    /// How many settlements leave together at most.
    private static let largestBatch = 512

    func settle(_ settlement: Settlement) {
        unsettled.append(settlement)
        settlementReady.raise()
    }

    /// Sends what has gathered while the last batch was under way. A batch that fails is sent again until the engine takes it:
    /// with the same tokens that is harmless, and meanwhile the heartbeats keep the jobs ours.
    func settlingLoop() async {
        var failures = 0
        while phase != .stopped {
            guard !unsettled.isEmpty else {
                settlementsDone.raise()
                await settlementReady.wait()
                continue
            }
            let batch = Array(unsettled.prefix(Self.largestBatch))
            do {
                let outcomes = try await engine.settle(batch)
                failures = 0
                unsettled.removeFirst(batch.count)
                for (settlement, outcome) in zip(batch, outcomes) { note(settlement, outcome) }
            } catch {
                failures += 1
                if failures == 1 {
                    logger.error(
                        "can't settle: trying again until it works",
                        metadata: ["jobs": "\(unsettled.count)", "error": "\(error)"])
                }
                let backoff = Backoff.exponential(base: .milliseconds(50), cap: .seconds(2))
                try? await thread.sleep(
                    for: max(.milliseconds(20), backoff.delay(afterAttempt: failures, error: error)))
            }
        }
    }

    private func note(_ settlement: Settlement, _ outcome: SettleOutcome) {
        switch outcome {
        case .settled:
            summary.attempts[settlement.verdict.outcome, default: 0] += 1
        case .lost:
            summary.attempts[.lost, default: 0] += 1
            logger.warning(
                "lease lost: the end of this attempt changed nothing",
                metadata: [
                    "job_id": "\(settlement.reference.id)", "queue": "\(settlement.reference.queue)",
                    "outcome": "\(settlement.verdict.outcome.rawValue)",
                ])
        }
    }
}
