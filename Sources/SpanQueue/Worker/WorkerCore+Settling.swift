import Logging
import SpanQueueLoop
import SpanQueueTelemetry

extension WorkerCore {
    /// How many settlements leave together at most.
    private static let largestBatch = 512

    func settle(_ ending: Ending) {
        unsettled.append(ending)
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
            let start = spans == nil && applicationSpans == nil ? 0 : SystemClock.now()
            let began = ContinuousClock.now
            guard let results = try? await engine.settle(batch.map(\.settlement)) else { continue }
            let duration = ContinuousClock.now - began
            unsettled.removeFirst(batch.count)
            var failed: [Ending] = []
            var settledQueues: Set<String> = []
            var failedQueues: Set<String> = []
            var failure: SpanQueueError?
            for (ending, result) in zip(batch, results) {
                let queue = ending.settlement.reference.queue
                switch result {
                case .success(let outcome):
                    settledQueues.insert(queue)
                    note(ending, outcome, settledFrom: start)
                case .failure(let error):
                    failedQueues.insert(queue)
                    failed.append(ending)
                    failure = error
                }
            }
            for queue in settledQueues { queueMetrics[queue]?.settleDuration.record(duration.inSeconds) }
            // Behind the others, so that one queue that can't be settled holds up no other.
            unsettled += failed
            if !settledQueues.isEmpty { failures = 0 }
            if let error = failure {
                failures += 1
                countFailure("settle", failedQueues, error, after: duration)
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

    private func note(_ ending: Ending, _ outcome: SettleOutcome, settledFrom start: UInt64) {
        let settlement = ending.settlement
        switch outcome {
        case .settled:
            spans?.ended(ending, settledFrom: start)
            applicationSpans?.ended(ending, settledFrom: start)
            summary.attempts[settlement.verdict.outcome, default: 0] += 1
            count(ending)
        case .lost:
            if let job = ending.job {
                spans?.lost(job.claim, job.trace, from: ending.startNanoseconds, to: ending.endNanoseconds)
            }
            ending.applicationSpan?.endLost(atNanoseconds: ending.endNanoseconds)
            summary.attempts[.lost, default: 0] += 1
            queueMetrics[settlement.reference.queue]?.lost.increment()
            logger.warning(
                "lease lost: the end of this attempt changed nothing",
                metadata: [
                    "job_id": "\(settlement.reference.id)", "queue": "\(settlement.reference.queue)",
                    "outcome": "\(settlement.verdict.outcome.rawValue)",
                ])
        }
    }

    /// Only what has counted is counted, so that the sum over all processes is what happened. A lost attempt is counted by the
    /// worker that takes the job back.
    private func count(_ ending: Ending) {
        let queue = ending.settlement.reference.queue
        let type = ending.job?.type ?? "unreadable"
        let outcome = ending.settlement.verdict.outcome
        let series = series(queue, type)
        let record = ending.settlement.run.lastAttempt
        let source = (ending.job?.trace).map(ExemplarSource.init)
        if let source {
            series.attempts(outcome).increment(exemplar: source)
        } else {
            series.attempts(outcome).increment()
        }
        if let duration = ending.duration, let source {
            processDuration(queue, record?.errorType).record(duration.inSeconds)
            series.process(outcome).record(duration.inSeconds, exemplar: source)
            if let job = ending.job, outcome == .completed {
                let total = job.claimedAt - job.claim.message.eligibleAt + duration
                series.endToEnd.record(max(.zero, total).inSeconds, exemplar: source)
            }
        }
        guard let record else { return }
        if let errorType = record.errorType { telemetry.metrics.errors.child(queue, type, errorType).increment() }
        if case .bury(let reason) = ending.settlement.verdict {
            telemetry.metrics.dead.child(queue, type, reason.rawValue).increment()
        }
    }

    /// Looked up each time for a failure, which is rare enough, and whose kinds have no bound here.
    private func processDuration(_ queue: String, _ errorType: String?) -> HistogramSeries {
        if errorType == nil, let known = queueMetrics[queue] { return known.processDuration }
        let metrics = telemetry.metrics
        return metrics.series(metrics.processDuration, "process", queue, errorType ?? "")
    }

    /// A call to the engine that failed, under the names of the messaging conventions.
    func countFailure(
        _ operation: String, _ queues: some Sequence<String>, _ error: any Error, after duration: Duration
    ) {
        let metrics = telemetry.metrics
        let errorType = ErrorType.name(of: error)
        for queue in queues {
            metrics.series(metrics.operationDuration, operation, queue, errorType).record(duration)
        }
    }

    func series(_ queue: String, _ type: String) -> JobTypeMetrics {
        if let latest = latestTypeMetrics, latest.queue == queue, latest.type == type { return latest }
        if let known = typeMetrics[queue]?[type] {
            latestTypeMetrics = known
            return known
        }
        let fresh = JobTypeMetrics(telemetry.metrics, queue: queue, type: type)
        // Types come from outside: what the families answer with their overflow child is not worth keeping.
        if typeMetrics[queue, default: [:]].count < 1000 { typeMetrics[queue, default: [:]][type] = fresh }
        return fresh
    }
}
