import Foundation
import Logging
import SpanQueueLoop
import SpanQueueTelemetry

extension WorkerCore {
    private static let announceInterval = Duration.seconds(10)
    private static let sweepInterval = Duration.seconds(15)
    /// For each queue.
    private static let sweepBudget = Duration.milliseconds(200)

    /// Looks after the queues once a second at most, and makes the worker known.
    ///
    /// An idle worker learns from its claims when a lease will lapse; this is for workers whose slots are all taken, which claim
    /// nothing for as long as their handlers run.
    func housekeepingLoop() async {
        var nextAnnouncement = ContinuousClock.now
        var nextSweep = ContinuousClock.now + Self.sweepInterval * Double.random(in: 0.2...1)
        let startedAt = Timestamp(Date())
        while phase != .stopped {
            do {
                if .now >= nextAnnouncement {
                    nextAnnouncement = .now + Self.announceInterval
                    try await announce(startedAt)
                }
                if .now >= nextSweep {
                    nextSweep = .now + Self.sweepInterval
                    if try await sweep() { nextSweep = .now + .seconds(1) }
                }
                if freeSlots <= 0 {
                    for queue in configuration.queues.queues { _ = try await reclaim(queue, dueIn: .zero) }
                }
            } catch {
                logger.debug("housekeeping failed", metadata: ["error": "\(error)"])
            }
            do {
                try await thread.sleep(for: .seconds(1))
            } catch {
                return
            }
        }
    }

    /// Takes back lapsed jobs of a queue if one may have lapsed.
    ///
    /// - Parameter lapse: how long until the earliest lease of the queue lapses.
    /// - Returns: how long nothing more will lapse, as far as is known.
    func reclaim(_ queue: String, dueIn lapse: Duration) async throws -> Duration {
        guard lapse <= .zero, let keeper else { return lapse > .zero ? lapse : configuration.idleWait }
        // What can't be taken back yet, after a gap, must not make a busy loop.
        let pause = Duration.milliseconds(100)
        if let last = lastReclaims[queue], ContinuousClock.now - last < pause { return pause }
        lastReclaims[queue] = .now
        var request = ReclaimRequest(queue: queue)
        request.maxReclaims = configuration.maxReclaims
        request.grace = configuration.lease
        let start = spans == nil && applicationSpans == nil ? 0 : SystemClock.now()
        let jobs = try await keeper.reclaim(request)
        lastReclaim.setToCurrentTime()
        telemetry.noteContact()
        for job in jobs {
            summary.reclaimed += 1
            count(job)
            spans?.reclaimed(job, from: start)
            applicationSpans?.reclaimed(job, from: start)
            logger.warning(
                "took back a job whose worker did not extend its lease",
                metadata: [
                    "job_id": "\(job.reference.id)", "queue": "\(queue)", "lost_worker": "\(job.reference.worker)",
                    "state": "\(job.state.rawValue)", "reclaims": "\(job.run.reclaims)",
                ])
        }
        // A full batch means that there may be more.
        return jobs.isEmpty ? pause : .zero
    }

    private func count(_ job: ReclaimedJob) {
        let queue = job.reference.queue
        let type = job.message?.type ?? "unreadable"
        queueMetrics[queue]?.reclaimed.increment()
        series(queue, type).attempts(.lost).increment()
        telemetry.metrics.errors.child(queue, type, "lease_expired").increment()
        guard job.state == .dead else { return }
        telemetry.metrics.dead.child(queue, type, DeadReason.leaseExpired.rawValue).increment()
    }

    /// - Returns: whether something is left for the next sweep.
    private func sweep() async throws -> Bool {
        guard let keeper else { return false }
        var isMoreLeft = false
        for queue in configuration.queues.queues where phase == .running {
            if try await !keeper.sweep(queue, within: Self.sweepBudget).isFinished { isMoreLeft = true }
        }
        return isMoreLeft
    }

    private func announce(_ startedAt: Timestamp) async throws {
        let info = WorkerInfo(
            id: id, host: WorkerIdentity.host, pid: WorkerIdentity.pid, queues: configuration.queues.queues,
            concurrency: configuration.concurrency, busy: slots.count, startedAt: startedAt,
            version: SpanQueueVersion.text)
        try await engine.announce(info, lifetime: Self.announceInterval * 3)
    }
}
