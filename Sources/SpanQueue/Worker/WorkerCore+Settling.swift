// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import DequeModule
import Logging
import SpanQueueLoop
import SpanQueueTelemetry

extension WorkerCore {
    /// How many bytes of results leave together at most, unless one alone has more.
    private static let largestBatchBytes = 8 << 20

    func settle(_ ending: Ending, in index: Int) {
        let lane = lanes[index]
        lane.fresh.append(ending)
        if life.mustSettle(index) {
            logger.error(
                "too many attempts wait to be settled: claiming no more from this queue until the engine takes them",
                metadata: ["queue": "\(lane.queue)", "jobs": "\(life.unsettled(in: index))"])
        }
        if lane.settling == nil {
            lane.settling = Task(executorPreference: thread) { await self.settlingLoop(index) }
        } else {
            lane.settlementReady.raise()
        }
    }

    /// Sends what of one queue has gathered while the last batch was under way.
    private func settlingLoop(_ index: Int) async {
        let lane = lanes[index]
        while let step = life.nextSettlement(lane.index, at: .now) {
            switch step {
            case .send(.fresh, let most): await send(lane, .fresh, take(most, from: &lane.fresh))
            case .send(.failed, let most): await send(lane, .failed, take(most, from: &lane.failed))
            case .sleep(let until): await lane.settlementReady.wait(until: until)
            }
        }
    }

    private func take(_ most: Int, from waiting: inout Deque<Ending>) -> [Ending] {
        var count = 0
        var bytes = 0
        for ending in waiting.prefix(most) {
            bytes += ending.settlement.report.result?.count ?? 0
            guard count == 0 || bytes <= Self.largestBatchBytes else { break }
            count += 1
        }
        defer { waiting.removeFirst(count) }
        return Array(waiting.prefix(count))
    }

    private func send(_ lane: QueueLane, _ kind: SettlingLane.Kind, _ batch: [Ending]) async {
        life.sends(lane.index, kind, batch.count)
        lane.sent = batch
        let start = spans == nil && applicationSpans == nil ? 0 : SystemClock.now()
        let began = ContinuousClock.now
        let results = await engine.settleEach(batch.map(\.settlement))
        guard life.phase != .stopped else { return }
        let now = ContinuousClock.now
        lane.sent = []
        var refused = 0
        var refusal: SpanQueueError?
        for (ending, result) in zip(batch, results) {
            switch result {
            case .success(let outcome): note(ending, outcome, in: lane, settledFrom: start)
            case .failure(let error):
                refusal = error
                refused += 1
                lane.failed.append(ending)
            }
        }
        if refused < batch.count { lane.metrics.settleDuration.record((now - began).inSeconds) }
        if let refusal {
            latestFailure = refusal
            countFailure("settle", lane.queue, refusal, after: now - began)
        }
        let isNew = life.settled(
            lane.index, refused: refused, at: now, random: refused == 0 ? 0 : Double.random(in: 0...1))
        lane.metrics.unsettled.set(life.unsettled(in: lane.index))
        if isNew, let refusal {
            logger.error(
                "can't settle: trying again until it works",
                metadata: ["queue": "\(lane.queue)", "jobs": "\(refused)", "error": "\(refusal)"])
        }
        if life.wantsClaim { claimingReady.raise() }
        turn()
    }

    private func note(
        _ ending: Ending, _ outcome: SettleOutcome, in lane: QueueLane, settledFrom start: UInt64
    ) {
        let settlement = ending.settlement
        switch outcome {
        case .settled:
            spans?.ended(ending, settledFrom: start)
            applicationSpans?.ended(ending, settledFrom: start)
            summary.attempts[settlement.verdict.outcome, default: 0] += 1
            counts.count(ending, lane.metrics)
            if errorStore != nil { lane.errors.add(settlement) }
            if historyStore != nil { lane.history.add(settlement, process: ending.duration ?? .zero) }
            if case .bury = settlement.verdict {
                var run = settlement.run
                // The engine's clock fixed it, and the reply does not say it.
                var record = settlement.record
                record.endedAt = Timestamp(milliseconds: Int64(ending.endNanoseconds / 1_000_000))
                run.history[run.history.count - 1] = .attempt(record)
                died(settlement.job.message, run)
            }
        case .lost:
            if let claim = ending.claim, let trace = ending.trace {
                spans?.lost(claim, trace, from: ending.startNanoseconds, to: ending.endNanoseconds)
            }
            ending.applicationSpan?.endLost(atNanoseconds: ending.endNanoseconds)
            summary.attempts[.lost, default: 0] += 1
            lane.metrics.lost.increment()
            logger.warning(
                "lease lost: the end of this attempt changed nothing",
                metadata: [
                    "job_id": "\(settlement.reference.id)", "queue": "\(settlement.reference.queue)",
                    "outcome": "\(settlement.verdict.outcome.rawValue)",
                ])
        }
    }

    /// Tells the application of a dead letter.
    func died(_ message: JobMessage, _ run: RunRecord) {
        guard let onDeath = configuration.onDeath else { return }
        let record = JobRecord(message: message, state: .dead, run: run)
        // The application's code, so not on this thread; and nobody waits for it.
        Task { @concurrent in await onDeath(record) }
    }

    /// A call to the engine that failed, under the names of the messaging conventions.
    func countFailure(_ operation: String, _ queue: String, _ error: any Error, after duration: Duration) {
        let metrics = telemetry.metrics
        metrics.series(metrics.operationDuration, operation, queue, ErrorType.name(of: error)).record(duration)
    }
}
