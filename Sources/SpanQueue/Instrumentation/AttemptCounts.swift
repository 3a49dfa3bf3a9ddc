// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry

/// Counts attempts that have ended. Confined to its owner: it holds the series that it has looked up.
final class AttemptCounts {
    private let metrics: JobMetrics
    /// Series that were looked up once.
    private var typeMetrics: [String: [String: JobTypeMetrics]] = [:]
    private var latestTypeMetrics: JobTypeMetrics?
    private var latestFailureMetrics: FailureMetrics?

    init(_ metrics: JobMetrics) {
        self.metrics = metrics
    }

    /// Only what has counted is counted, so that the sum over all processes is what happened. A lost attempt is counted by the
    /// worker that takes the job back.
    func count(_ ending: Ending, _ lane: QueueMetrics) {
        let queue = ending.settlement.reference.queue
        let type = ending.claim?.message.type ?? "unreadable"
        let outcome = ending.settlement.verdict.outcome
        let series = series(queue, type)
        let record = ending.settlement.record
        let failure = record.errorType.map { failureMetrics(queue, type, $0) }
        let source = ending.trace.map(ExemplarSource.init)
        if let source {
            series.attempts(outcome).increment(exemplar: source)
        } else {
            series.attempts(outcome).increment()
        }
        if let duration = ending.duration, let source {
            let process = failure?.process ?? lane.processDuration
            process.record(duration.inSeconds)
            series.process(outcome).record(duration.inSeconds, exemplar: source)
            if let claim = ending.claim, outcome == .completed {
                let total = claim.claimedAt - claim.message.eligibleAt + duration
                series.endToEnd.record(max(.zero, total).inSeconds, exemplar: source)
            }
        }
        failure?.errors.increment()
        if case .bury(let reason) = ending.settlement.verdict {
            metrics.dead.child(queue, type, reason.rawValue).increment()
        }
    }

    /// The kinds of failures have no bound here, so only those of the latest are held: most often it is the next one's too.
    private func failureMetrics(_ queue: String, _ type: String, _ errorType: String) -> FailureMetrics {
        if let latest = latestFailureMetrics, latest.errorType == errorType, latest.type == type, latest.queue == queue
        {
            return latest
        }
        let fresh = FailureMetrics(metrics, queue: queue, type: type, errorType: errorType)
        latestFailureMetrics = fresh
        return fresh
    }

    func series(_ queue: String, _ type: String) -> JobTypeMetrics {
        if let latest = latestTypeMetrics, latest.queue == queue, latest.type == type { return latest }
        if let known = typeMetrics[queue]?[type] {
            latestTypeMetrics = known
            return known
        }
        let fresh = JobTypeMetrics(metrics, queue: queue, type: type)
        // Types come from outside: what the families answer with their overflow child is not worth keeping.
        if typeMetrics[queue, default: [:]].count < 1000 { typeMetrics[queue, default: [:]][type] = fresh }
        return fresh
    }
}

extension QueueMetrics {
    /// Counts what a claim gave.
    func count(_ reply: ClaimReply) {
        let count = reply.jobs.count + reply.unreadable.count
        guard count > 0 else { return empties.increment() }
        hits.increment()
        claimed.increment(by: count)
        consumed.increment(by: count)
        for job in reply.jobs {
            let wait = job.wait
            self.wait.record(wait.inSeconds, exemplar: ExemplarSource(job.message.trace))
            if job.message.runAt != nil, job.attempt == 1 { scheduleLag.record(wait) }
        }
    }
}
