import Logging
import SpanQueueLoop
import SpanQueueTelemetry

extension WorkerCore {
    var freeSlots: Int { configuration.concurrency - slots.count }

    /// Fills free slots until the drain; in `untilEmpty` mode until there is nothing to claim and nothing running.
    func claimingLoop(untilEmpty: Bool) async throws {
        let backoff = Backoff.exponential(base: .milliseconds(100), cap: .seconds(2))
        var failures = 0
        while phase == .running {
            guard freeSlots > 0 else {
                await slotEnded.wait()
                continue
            }
            do {
                let sleep = try await claimOnce()
                outageEnded()
                failures = 0
                guard let sleep else { continue }
                if untilEmpty {
                    if slots.isEmpty && unsettled.isEmpty { return }
                    if slots.isEmpty {
                        await settlementsDone.wait()
                    } else {
                        await slotEnded.wait()
                    }
                } else {
                    try await waitForWork(atMost: sleep)
                }
            } catch {
                guard phase == .running else { return }
                if untilEmpty { throw error }
                failures += 1
                outageBegan(error)
                let delay = backoff.delay(afterAttempt: failures, error: error)
                try? await thread.sleep(for: max(delay, .milliseconds(20)))
            }
        }
    }

    /// One pass over the queues.
    ///
    /// - Returns: nil if slots are full or a queue has more; else how long there is nothing to claim, unless woken.
    private func claimOnce() async throws -> Duration? {
        let probing = ContinuousClock.now - lastProbe > .milliseconds(5)
        if probing { lastProbe = .now }
        selector.begin(probing: probing)
        var sleep = configuration.idleWait
        while phase == .running, freeSlots > 0 {
            let shares = selector.next(slots: freeSlots)
            guard !shares.isEmpty else { break }
            let start = spans == nil ? 0 : SystemClock.now()
            let began = ContinuousClock.now
            let results = try await engine.claim(
                shares.map {
                    ClaimRequest(queue: $0.queue, limit: $0.limit, lease: configuration.lease, worker: id)
                })
            let duration = ContinuousClock.now - began
            var failure: SpanQueueError?
            for (share, result) in zip(shares, results) {
                switch result {
                case .failure(let error):
                    queueMetrics[share.queue]?.failures.increment()
                    countFailure("claim", [share.queue], error, after: duration)
                    failure = error
                case .success(let reply):
                    lastClaim.setToCurrentTime()
                    telemetry.noteContact()
                    queueMetrics[share.queue]?.claimDuration.record(duration.inSeconds)
                    take(reply, from: share.queue)
                    spans?.claimed(reply, from: share.queue, start: start)
                    if let due = reply.nextDueIn { sleep = min(sleep, due) }
                    if let lapse = reply.nextLapseIn {
                        sleep = min(sleep, try await reclaim(share.queue, dueIn: lapse))
                    }
                }
            }
            if let failure { throw failure }
        }
        return freeSlots > 0 && selector.isAllEmpty ? sleep : nil
    }

    private func take(_ reply: ClaimReply, from queue: String) {
        selector.record(queue, hasMore: reply.hasMore)
        if let metrics = queueMetrics[queue] { count(reply, metrics) }
        if !reply.jobs.isEmpty {
            countBusyTime()
            let now = ContinuousClock.now
            for job in reply.jobs { start(job, claimedAt: now) }
            busy.set(slots.count)
        }
        for job in reply.unreadable {
            logger.error(
                "a job's record can't be read: burying it",
                metadata: ["job_id": "\(job.reference.id)", "queue": "\(queue)", "problem": "\(job.problem)"])
            settle(Ending(burial: rules.burial(of: job)))
        }
        for id in reply.vanished {
            logger.error("a job's record is gone: dropping its id", metadata: ["job_id": "\(id)", "queue": "\(queue)"])
        }
    }

    private func count(_ reply: ClaimReply, _ metrics: QueueMetrics) {
        let count = reply.jobs.count + reply.unreadable.count
        guard count > 0 else { return metrics.empties.increment() }
        metrics.hits.increment()
        metrics.claimed.increment(by: count)
        metrics.consumed.increment(by: count)
        for job in reply.jobs {
            let wait = job.wait
            metrics.wait.record(wait.inSeconds, exemplar: ExemplarSource(job.message.trace))
            if job.message.runAt != nil, job.run.attempts == 0 { metrics.scheduleLag.record(wait) }
        }
    }

    private func start(_ claim: ClaimedJob, claimedAt: ContinuousClock.Instant) {
        let number = nextSlot
        nextSlot += 1
        let open = applicationSpans?.began(claim)
        let trace =
            open?.trace
            ?? AttemptTrace.context(
                of: claim.message, token: claim.reference.token, eligibleAt: claim.eligibleAt, telemetry: telemetry)
        let context = JobContext(claim, jobEnvironment, trace: trace)
        let slot = Slot(context, applicationSpan: open, claimedAt: claimedAt)
        // On the global executor, whatever that does: the worker's own thread must stay free.
        slot.task = Task { @concurrent [runner, finishedAttempts] in
            let attempt = await runner.run(context, in: open?.handlerContext)
            if finishedAttempts.add(attempt, of: number) { self.post { $0.takeFinished() } }
        }
        if let timeout = claim.message.timeout {
            slot.timer = thread.schedule(at: .now + timeout) { [weak self] in
                self?.assumeIsolated { $0.cancel(number, .timeout) }
            }
        }
        slots[number] = slot
    }

    /// Adds the time since the last change of the number of busy slots.
    func countBusyTime() {
        let now = ContinuousClock.now
        if !slots.isEmpty { busySeconds.increment(by: (now - busySince).inSeconds * Double(slots.count)) }
        busySince = now
    }

    private func takeFinished() {
        countBusyTime()
        for (number, attempt) in finishedAttempts.takeAll() {
            guard let slot = slots.removeValue(forKey: number) else { continue }
            if let timer = slot.timer { thread.cancel(timer) }
            if !slot.isAbandoned { settle(slot, attempt) }
        }
        busy.set(slots.count)
        slotEnded.raise()
    }

    func settle(_ slot: Slot, _ attempt: FinishedAttempt) {
        guard
            let settlement = rules.settlement(
                for: slot.context.claim, attempt.result, cause: slot.cause, report: slot.context.report)
        else {
            // Found by a heartbeat, which has counted it; the attempt is counted by whoever takes the job back.
            summary.attempts[.lost, default: 0] += 1
            spans?.lost(
                slot.context.claim, slot.context.trace, from: attempt.startNanoseconds, to: attempt.endNanoseconds)
            slot.applicationSpan?.endLost()
            return
        }
        log(settlement, slot)
        settle(Ending(settlement, of: slot, attempt))
    }

    private func log(_ settlement: Settlement, _ slot: Slot) {
        guard settlement.verdict != .complete else { return }
        let error = settlement.run.lastError ?? ""
        let logger = slot.context.logger
        switch settlement.verdict {
        case .complete: break
        case .retry(let delay):
            logger.notice(
                "attempt failed", metadata: ["error": "\(error)", "retry_in": "\(DurationText.format(delay))"])
        case .bury(let reason):
            logger.error("job is dead", metadata: ["error": "\(error)", "reason": "\(reason)"])
        case .release: logger.info("job given back")
        case .cancel(let reason): logger.info("job cancelled", metadata: ["reason": "\(reason)"])
        }
    }

    // MARK: Cancelling

    /// Cancels a handler, and watches whether it heeds that.
    func cancel(_ number: Int, _ cause: CancelCause) {
        guard let slot = slots[number], slot.cause == nil || cause == .leaseLost else { return }
        slot.cause = cause
        slot.task?.cancel()
        if let timer = slot.timer { thread.cancel(timer) }
        slot.timer = thread.schedule(at: .now + configuration.cancellationGrace) { [weak self] in
            self?.assumeIsolated { $0.abandon(number) }
        }
    }

    /// Settles an attempt whose handler goes on after its cancellation. Its slot stays taken until it returns.
    func abandon(_ number: Int) {
        guard let slot = slots[number], !slot.isAbandoned else { return }
        slot.isAbandoned = true
        slot.timer = nil
        summary.ignoredCancellations += 1
        queueMetrics[slot.context.queue]?.ignoredCancellations.increment()
        slot.context.logger.error(
            "handler goes on after its cancellation and keeps its slot: let it check Task.isCancelled",
            metadata: ["cause": "\(slot.cause.map { "\($0)" } ?? "drain")"])
        settle(slot, slot.cutOff(CancellationError()))
    }

    // MARK: Waiting

    /// Sleeps until a queue may have something to claim; cut short by a drain, which cancels `waiting`.
    private func waitForWork(atMost limit: Duration) async throws {
        guard limit > .zero else { return }
        let queues = configuration.queues.queues
        let task = Task(executorPreference: thread) { [engine] in
            do {
                try await engine.waitForWork(in: queues, until: .now + limit)
            } catch is CancellationError {
                // A wake-up may have come in the very moment: hand it on.
                await engine.passWakeUp(in: queues)
            }
        }
        waiting = task
        defer { waiting = nil }
        try await task.value
        // Any of them may have work now.
        lastProbe = .now - .seconds(1)
    }

    // MARK: Outages

    private func outageBegan(_ error: any Error) {
        guard outage == nil else { return }
        outage = .now
        logger.error("can't claim: trying again until it works", metadata: ["error": "\(error)"])
    }

    private func outageEnded() {
        guard let began = outage else { return }
        outage = nil
        logger.notice(
            "claiming again",
            metadata: ["after": "\(DurationText.format(.milliseconds((ContinuousClock.now - began).milliseconds)))"]
        )
    }
}
