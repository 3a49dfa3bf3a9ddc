// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import SpanQueueLoop
import SpanQueueTelemetry

extension WorkerCore {
    /// For each queue.
    private static let sweepBudget = Duration.milliseconds(200)

    /// Reclaims lapsed jobs of a queue.
    func reclaim(_ index: Int) async {
        guard let keeper else { return }
        let lane = lanes[index]
        var request = ReclaimRequest(queue: lane.queue)
        request.maxReclaims = configuration.maxReclaims
        request.grace = configuration.lease
        let start = spans == nil && applicationSpans == nil ? 0 : SystemClock.now()
        do {
            let jobs = try await keeper.reclaim(request)
            life.reclaimed(index, jobs: jobs.count, at: .now)
            lastReclaim.setToCurrentTime()
            telemetry.noteContact()
            for job in jobs { note(job, in: lane, from: start) }
            if !jobs.isEmpty { claimingReady.raise() }
        } catch {
            life.reclaimFailed(index, at: .now)
            logger.debug("reclaim failed", metadata: ["queue": "\(lane.queue)", "error": "\(error)"])
        }
    }

    private func note(_ job: ReclaimedJob, in lane: QueueLane, from start: UInt64) {
        summary.reclaimed += 1
        let type = job.message?.type ?? "unreadable"
        lane.metrics.reclaimed.increment()
        counts.series(lane.queue, type).attempts(.lost).increment()
        telemetry.metrics.errors.child(lane.queue, type, "lease_expired").increment()
        if job.state == .dead {
            telemetry.metrics.dead.child(lane.queue, type, DeadReason.leaseExpired.rawValue).increment()
            if let message = job.message { died(message, job.run) }
        }
        spans?.reclaimed(job, from: start)
        applicationSpans?.reclaimed(job, from: start)
        logger.warning(
            "reclaimed a job whose worker did not extend its lease",
            metadata: [
                "job_id": "\(job.reference.id)", "queue": "\(lane.queue)", "lost_worker": "\(job.reference.worker)",
                "state": "\(job.state.rawValue)", "reclaims": "\(job.run.reclaims)",
            ])
    }

    func sweep(_ index: Int) async {
        guard let keeper else { return }
        var isFinished = true
        do {
            // Bounded: what is left waits for the next sweep, which then comes soon.
            let reply = try await keeper.sweep(lanes[index].queue, within: Self.sweepBudget)
            isFinished = reply.isFinished
            lanes[index].metrics.swept.increment(by: reply.dropped)
            lanes[index].metrics.sweepBehind.set(isFinished ? 0 : 1)
        } catch {
            logger.debug("sweep failed", metadata: ["queue": "\(lanes[index].queue)", "error": "\(error)"])
        }
        life.swept(index, isFinished: isFinished, at: .now)
    }

    /// Makes the worker known.
    func announce() async {
        let info = WorkerInfo(
            id: id, host: WorkerIdentity.host, pid: WorkerIdentity.pid, queues: configuration.selection.queues,
            concurrency: configuration.concurrency, busy: slots.count, startedAt: startedAt,
            version: SpanQueueVersion.text, types: runner.handlers.patterns)
        do {
            try await engine.announce(info, lifetime: WorkerLife.announceInterval * 3)
            life.announced(failed: false, at: .now)
        } catch {
            life.announced(failed: true, at: .now)
            logger.debug("can't make the worker known", metadata: ["error": "\(error)"])
        }
        await tellErrors()
        await tellHistory()
    }

    /// Adds the errors since the last time to the counts of their queues.
    func tellErrors() async {
        guard let errorStore else { return }
        for lane in lanes where !lane.errors.isEmpty {
            let errors = lane.errors.take()
            do {
                try await errorStore.add(errors, to: lane.queue, version: SpanQueueVersion.text)
            } catch {
                // What may have been counted is not told again.
                if (error as? SpanQueueError)?.mayHaveRun != true { lane.errors.add(errors) }
                logger.debug("can't count errors", metadata: ["queue": "\(lane.queue)", "error": "\(error)"])
            }
        }
    }

    /// Adds the attempts since the last time to the history of their queues.
    func tellHistory() async {
        guard let historyStore else { return }
        for lane in lanes where !lane.history.isEmpty {
            let tallies = lane.history.take()
            do {
                try await historyStore.add(tallies, to: lane.queue)
            } catch {
                // As with errors.
                if (error as? SpanQueueError)?.mayHaveRun != true { lane.history.add(tallies) }
                logger.debug("can't tell of attempts", metadata: ["queue": "\(lane.queue)", "error": "\(error)"])
            }
        }
    }
}
