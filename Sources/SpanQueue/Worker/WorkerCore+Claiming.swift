// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import SpanQueueLoop
import SpanQueueTelemetry

extension WorkerCore {
    /// Fills free slots, and waits for work where there is none, as long as the life claims.
    func claimingLoop() async {
        while true {
            switch life.nextClaim(at: .now) {
            case .claim(let shares):
                await claim(shares)
                life.claimEnded()
                turn()
            case .wait(let until):
                await waitForWork(until: until)
                turn()
            case .sleep(let until):
                turn()
                await claimingReady.wait(until: until)
            case .end:
                return
            }
        }
    }

    /// Asks a queue that failed, apart from the others.
    func probe(_ lane: Int) async {
        await claim([QueueSelector.Share(lane: lane, limit: 1)], isProbe: true)
        life.probeEnded()
        claimingReady.raise()
    }

    private func claim(_ shares: [QueueSelector.Share]) async {
        guard life.claimsApart, shares.count > 1 else { return await claim(shares, isProbe: false) }
        await withTaskGroup(of: Void.self) { group in
            for share in shares { group.addTask { await self.claim([share], isProbe: false) } }
        }
    }

    private func claim(_ shares: [QueueSelector.Share], isProbe: Bool) async {
        let start = spans == nil ? 0 : SystemClock.now()
        let began = ContinuousClock.now
        let results = await engine.claimEach(
            shares.map {
                ClaimRequest(queue: lanes[$0.lane].queue, limit: $0.limit, lease: configuration.lease, worker: id)
            })
        guard life.phase != .stopped else { return }
        let now = ContinuousClock.now
        let duration = now - began
        var failed: [String] = []
        for (share, result) in zip(shares, results) {
            let lane = lanes[share.lane]
            switch result {
            case .success(let reply):
                lane.metrics.claimDuration.record(duration.inSeconds)
                if let outage = life.claimWorked(share.lane, at: now) {
                    logger.notice(
                        "claiming again",
                        metadata: [
                            "queue": "\(lane.queue)",
                            "after": "\(DurationText.format(.milliseconds(outage.milliseconds)))",
                        ])
                    leaveOff(lane)
                }
                take(reply, from: lane, isProbe: isProbe, at: now)
                spans?.claimed(reply, from: lane.queue, start: start)
            case .failure(let error):
                countFailure("claim", lane.queue, error, after: duration)
                latestFailure = error
                let isNew = life.claimFailed(
                    share.lane, at: now, isFinal: error.isFinal, random: Double.random(in: 0...1))
                if error.code == .unsupported {
                    noteUnsupported(error, in: lane, at: now)
                } else {
                    lane.metrics.failures.increment()
                    if isNew { failed.append(lane.queue) }
                }
            }
        }
        if results.contains(where: \.isSuccess) {
            lastClaim.setToCurrentTime()
            telemetry.noteContact()
        }
        if !failed.isEmpty {
            logger.error(
                "can't claim: trying again until it works",
                metadata: [
                    "queues": "\(failed.joined(separator: ","))",
                    "error": "\(latestFailure.map { "\($0)" } ?? "")",
                ])
        }
    }

    /// A queue that uses features of a later version, in a rolling deploy: it is left alone, and the others are served.
    private func noteUnsupported(_ error: SpanQueueError, in lane: QueueLane, at now: ContinuousClock.Instant) {
        telemetry.metrics.claims.child(lane.queue, "unsupported").increment()
        telemetry.note(lane.queue, isSupported: false)
        if let told = lane.unsupportedToldAt, now - told < Self.unsupportedPause { return }
        lane.unsupportedToldAt = now
        logger.error(
            "a queue can't be served by this version: it is left alone",
            metadata: ["queue": "\(lane.queue)", "error": "\(error)"])
    }

    /// How often that is told.
    private static let unsupportedPause = Duration.seconds(60)

    private func leaveOff(_ lane: QueueLane) {
        guard lane.unsupportedToldAt != nil else { return }
        lane.unsupportedToldAt = nil
        telemetry.note(lane.queue, isSupported: true)
    }

    private func take(_ reply: ClaimReply, from lane: QueueLane, isProbe: Bool, at now: ContinuousClock.Instant) {
        lane.metrics.count(reply)
        let mayStart = life.claimed(
            lane.index, jobs: reply.jobs.count, hasMore: reply.hasMore, dueIn: reply.nextDueIn,
            lapseIn: reply.nextLapseIn, isProbe: isProbe, at: now)
        if !reply.jobs.isEmpty {
            countBusyTime()
            if mayStart {
                start(reply.jobs, in: lane.index, claimedAt: now)
            } else {
                for job in reply.jobs { release(job, in: lane.index, claimedAt: now) }
            }
            busy.set(slots.count)
        }
        for job in reply.unreadable {
            logger.error(
                "a job's record can't be read: burying it",
                metadata: [
                    "job_id": "\(job.reference.id)", "queue": "\(lane.queue)", "problem": "\(job.problem)",
                ])
            settle(Ending(burial: rules.burial(of: job)), in: lane.index)
        }
        for id in reply.vanished {
            logger.error(
                "a job's record is gone: dropping its id", metadata: ["job_id": "\(id)", "queue": "\(lane.queue)"])
        }
    }

    // MARK: Waiting

    /// Sleeps until a queue may have something to claim; cut short where the life interrupts it, which cancels `waiting`.
    private func waitForWork(until deadline: ContinuousClock.Instant) async {
        let queues = lanes.filter { life.isOpen($0.index) }.map(\.queue)
        let task = Task(executorPreference: thread) { [engine] in
            try await engine.waitForWork(in: queues, until: deadline)
        }
        waiting = task
        let result = await task.result
        waiting = nil
        var failure: (any Error)?
        if case .failure(let error) = result, !(error is CancellationError) { failure = error }
        if let failure, !life.isWaitFailing {
            logger.error("can't wait for work: looking from time to time", metadata: ["error": "\(failure)"])
        }
        let handsOn = life.waited(
            failed: failure != nil, at: .now, random: failure == nil ? 0 : Double.random(in: 0...1))
        // A wake-up may have come in the very moment.
        if handsOn { call { await $0.engine.passWakeUp(in: queues) } }
    }
}

extension SpanQueueError {
    /// Whether the same call can't succeed unless somebody changes something.
    var isFinal: Bool {
        switch code {
        case .invalidArgument, .tooLarge, .denied, .unsupported, .closed: true
        default: false
        }
    }
}

extension Result {
    fileprivate var isSuccess: Bool {
        if case .success = self { true } else { false }
    }
}
