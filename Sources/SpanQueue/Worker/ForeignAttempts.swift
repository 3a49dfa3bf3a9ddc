// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging
import SpanQueueLoop
package import SpanQueueTelemetry

/// How an attempt ended whose handler runs in another program, as that program says.
package enum ForeignResult: Sendable {
    /// It is done; nil leaves the job's result as it is.
    case completed(result: [UInt8]?)
    /// It failed.
    case failed(ForeignFailure)
    /// Its payload can't be read.
    case undecodable(String)
    /// It was not begun: the job's deadline has passed.
    case expired
    /// It is given back.
    case released
    /// The job is to be cancelled.
    case cancelled(reason: String)
    /// The job is put off.
    case snoozed(Duration, text: String)
    /// Its type has no handler.
    case unhandled
    /// It ran longer than its timeout.
    case timedOut
}

/// What went wrong in another program.
package struct ForeignFailure: NamedError, CustomStringConvertible {
    package let errorType: String
    /// In words.
    package let text: String
    /// When to try again; nil leaves it to the job, or else to the gateway.
    package let delay: Duration?
    /// Whether trying again does not help.
    package let isPermanent: Bool

    package init(_ errorType: String, _ text: String, delay: Duration? = nil, isPermanent: Bool = false) {
        self.errorType = errorType
        self.text = text
        self.delay = delay
        self.isPermanent = isPermanent
    }

    package var description: String { text }
}

/// The end of such an attempt, on its way to the engine.
package struct ForeignEnding: Sendable {
    /// What the engine is told.
    package var settlement: Settlement { ending.settlement }
    fileprivate let ending: Ending
}

/// What a worker does with its attempts beside running them, for those whose handlers run in other programs: it decides what their ends
/// mean, counts them, makes their spans, and keeps their queues. Claims, leases and settlements themselves are its owner's.
///
/// Confined to its owner, as what it holds is.
package final class ForeignAttempts {
    private final class Lane {
        let metrics: QueueMetrics
        var errors = ErrorTally()
        var history = HistoryTally()

        init(_ metrics: QueueMetrics) {
            self.metrics = metrics
        }
    }

    /// For each queue.
    private static let sweepBudget = Duration.milliseconds(200)
    /// Workers come and go: whose spans are not made any more is forgotten some time.
    private static let mostWorkers = 1000

    private let engine: any Engine
    private let telemetry: JobTelemetry
    private let rules: SettlementRules
    private let counts: AttemptCounts
    private let peers: Peers
    private let logger: Logger
    private var lanes: [String: Lane] = [:]
    private var spans: [String: JobSpans] = [:]

    package init(_ engine: any Engine, _ telemetry: JobTelemetry, logger: Logger) {
        self.engine = engine
        self.telemetry = telemetry
        self.logger = logger
        rules = SettlementRules(WorkerConfiguration(), handlers: HandlerRegistry())
        counts = AttemptCounts(telemetry.metrics)
        peers = Peers(engine, besides: "")
    }

    private func lane(_ queue: String) -> Lane {
        if let lane = lanes[queue] { return lane }
        let lane = Lane(QueueMetrics(telemetry.metrics, queue: queue))
        lanes[queue] = lane
        return lane
    }

    private func spans(of worker: String) -> JobSpans? {
        if let known = spans[worker] { return known }
        guard let fresh = JobSpans(telemetry, worker: worker) else { return nil }
        if spans.count >= Self.mostWorkers { spans = [:] }
        spans[worker] = fresh
        return fresh
    }

    /// The span of an attempt, which is made when it has ended: the parent of whatever its handler does.
    package func trace(of claim: ClaimedJob) -> TraceContext {
        AttemptTrace.context(
            of: claim.message, token: claim.reference.token, eligibleAt: claim.eligibleAt, telemetry: telemetry)
    }

    /// Counts what a claim gave, and makes the spans of what ended with it.
    ///
    /// - Parameter start: of the claim, on the wall clock.
    package func claimed(_ reply: ClaimReply, from queue: String, by worker: String, start: UInt64, took: Duration) {
        let metrics = lane(queue).metrics
        metrics.count(reply)
        metrics.claimDuration.record(took)
        telemetry.noteContact()
        telemetry.note(queue, isSupported: true)
        spans(of: worker)?.claimed(reply, from: queue, start: start)
    }

    /// Counts a claim that failed.
    package func claimFailed(_ queue: String, _ error: SpanQueueError) {
        if error.code == .unsupported {
            telemetry.metrics.claims.child(queue, "unsupported").increment()
            telemetry.note(queue, isSupported: false)
        } else {
            lane(queue).metrics.failures.increment()
        }
    }

    /// Decides what the end of an attempt means for its job.
    ///
    /// - Parameters:
    ///   - isCancelled: whether its worker was told that a person cancelled the job.
    ///   - progress: the latest that it has told.
    ///   - took: how long its handler ran; nil where that is not known, or it did not run.
    package func ending(
        of claim: ClaimedJob, _ result: ForeignResult, isCancelled: Bool, progress: JobProgress?, took: Duration?
    ) async -> ForeignEnding {
        var report = JobContext.Reported(progress: progress, result: nil)
        var cause: CancelCause? = isCancelled ? .cancelRequested : nil
        let end: AttemptResult
        switch result {
        case .completed(let result):
            report.result = result
            end = .returned
        case .failed(let failure): end = .threw(failure)
        case .undecodable(let problem): end = .undecodable(problem)
        case .expired: end = .expired
        case .released: end = .notStarted
        case .cancelled(let reason):
            if !reason.isEmpty { cause = nil }
            end = .threw(JobError.cancel(reason.isEmpty ? "cancelled while it ran" : reason))
        case .snoozed(let delay, let text): end = .threw(JobError.snooze(for: delay, text))
        case .unhandled:
            end = .unknownType(
                isHandledElsewhere: await peers.handle(claim.message.type, in: claim.message.queue))
        case .timedOut:
            cause = .timeout
            end = .threw(TimedOut())
        }
        let now = SystemClock.now()
        let duration = took ?? .zero
        let start = now &- UInt64(max(0, duration.inSeconds) * 1e9)
        // There is one for each result and cause but a lost lease.
        let settlement =
            rules.settlement(for: claim, end, cause: cause, report: report) ?? Settlement(claim, .release)
        return ForeignEnding(
            ending: Ending(
                settlement, of: claim, trace: trace(of: claim), applicationSpan: nil,
                duration: end.ranHandler ? took : nil, from: start, to: now))
    }

    /// The burial of a job that can't be read.
    package func burial(of job: UnreadableJob) -> ForeignEnding {
        logger.error(
            "a job's record can't be read: burying it",
            metadata: [
                "job_id": "\(job.reference.id)", "queue": "\(job.reference.queue)", "problem": "\(job.problem)",
            ])
        return ForeignEnding(ending: Ending(burial: rules.burial(of: job)))
    }

    /// Counts an attempt whose end the engine has answered, and makes its spans.
    ///
    /// - Parameter start: of that call, on the wall clock.
    package func ended(_ ending: ForeignEnding, _ outcome: SettleOutcome, start: UInt64) {
        let ending = ending.ending
        let settlement = ending.settlement
        let lane = lane(settlement.reference.queue)
        let spans = spans(of: settlement.reference.worker)
        switch outcome {
        case .settled:
            spans?.ended(ending, settledFrom: start)
            counts.count(ending, lane.metrics)
            if engine is any ErrorStore { lane.errors.add(settlement) }
            if engine is any HistoryStore { lane.history.add(settlement, process: ending.duration ?? .zero) }
        case .lost:
            lost(settlement.job)
        }
    }

    /// Counts a claim that was found to be lost.
    package func lost(_ claim: ClaimedJob) {
        lane(claim.reference.queue).metrics.lost.increment()
        let end = SystemClock.now()
        spans(of: claim.reference.worker)?.lost(
            claim, trace(of: claim), from: claim.claimedAt.nanoseconds, to: max(end, claim.claimedAt.nanoseconds))
    }

    /// Counts leases that were extended, or not.
    package func extended(ok: Bool) {
        telemetry.metrics.renewals.child(ok ? "ok" : "error").increment()
    }

    // MARK: Upkeep

    /// Takes back lapsed jobs of a queue. A failure is logged, and the next call tries again.
    ///
    /// - Parameter grace: how long to hold back after a gap.
    /// - Returns: how many.
    package func reclaim(_ queue: String, grace: Duration) async -> Int {
        guard let keeper = engine.keeper else { return 0 }
        var request = ReclaimRequest(queue: queue)
        request.grace = grace
        let start = SystemClock.now()
        do {
            let jobs = try await keeper.reclaim(request)
            telemetry.noteContact()
            for job in jobs { note(job, in: queue, from: start) }
            return jobs.count
        } catch {
            logger.debug("reclaim failed", metadata: ["queue": "\(queue)", "error": "\(error)"])
            return 0
        }
    }

    private func note(_ job: ReclaimedJob, in queue: String, from start: UInt64) {
        let type = job.message?.type ?? "unreadable"
        lane(queue).metrics.reclaimed.increment()
        counts.series(queue, type).attempts(.lost).increment()
        telemetry.metrics.errors.child(queue, type, "lease_expired").increment()
        if job.state == .dead {
            telemetry.metrics.dead.child(queue, type, DeadReason.leaseExpired.rawValue).increment()
        }
        spans(of: job.reference.worker)?.reclaimed(job, from: start)
        logger.warning(
            "reclaimed a job whose worker did not extend its lease",
            metadata: [
                "job_id": "\(job.reference.id)", "queue": "\(queue)", "lost_worker": "\(job.reference.worker)",
                "state": "\(job.state.rawValue)", "reclaims": "\(job.run.reclaims)",
            ])
    }

    /// Drops what is over of a queue.
    package func sweep(_ queue: String) async {
        guard let keeper = engine.keeper else { return }
        do {
            let reply = try await keeper.sweep(queue, within: Self.sweepBudget)
            lane(queue).metrics.swept.increment(by: reply.dropped)
            lane(queue).metrics.sweepBehind.set(reply.isFinished ? 0 : 1)
        } catch {
            logger.debug("sweep failed", metadata: ["queue": "\(queue)", "error": "\(error)"])
        }
    }

    /// Adds errors and attempts since the last time to what the engine keeps of their queues.
    package func tell() async {
        for (queue, lane) in lanes {
            if let store = engine as? any ErrorStore, !lane.errors.isEmpty {
                let errors = lane.errors.take()
                do {
                    try await store.add(errors, to: queue, version: SpanQueueVersion.text)
                } catch {
                    // What may have been counted is not told again.
                    if (error as? SpanQueueError)?.mayHaveRun != true { lane.errors.add(errors) }
                }
            }
            if let store = engine as? any HistoryStore, !lane.history.isEmpty {
                let tallies = lane.history.take()
                do {
                    try await store.add(tallies, to: queue)
                } catch {
                    if (error as? SpanQueueError)?.mayHaveRun != true { lane.history.add(tallies) }
                }
            }
        }
    }
}
