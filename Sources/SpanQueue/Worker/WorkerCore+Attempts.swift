// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import NIOConcurrencyHelpers
import SpanQueueLoop
import SpanQueueTelemetry

extension WorkerCore {
    /// A job that this worker holds, from its claim until its settlement is on its way.
    final class Slot {
        let context: JobContext
        let lane: Int
        /// The attempt in the application's own tracer.
        let applicationSpan: ApplicationSpans.Open?
        let claimedAt: ContinuousClock.Instant
        /// Where its handler is, once it is on its way there.
        var handed: HandedJob?
        var timer: LoopTimer?
        var cause: CancelCause?
        /// Its handler ignored its cancellation and was settled without: it only takes up the slot.
        var isAbandoned = false

        init(
            _ context: JobContext, in lane: Int, applicationSpan: ApplicationSpans.Open?,
            claimedAt: ContinuousClock.Instant
        ) {
            self.context = context
            self.lane = lane
            self.applicationSpan = applicationSpan
            self.claimedAt = claimedAt
        }

        /// As far as it has come, where its handler does not return.
        func cutOff(_ error: any Error) -> FinishedAttempt {
            let duration = ContinuousClock.now - claimedAt
            return FinishedAttempt(
                result: .threw(error), startNanoseconds: SystemClock.now() &- UInt64(max(0, duration.inSeconds) * 1e9),
                duration: duration)
        }

        var reference: ClaimReference { context.claim.reference }
    }

    /// Starts the handlers of jobs that were claimed together.
    func start(_ claims: [ClaimedJob], in lane: Int, claimedAt: ContinuousClock.Instant) {
        let jobs = claims.map { claim in
            let number = nextSlot
            nextSlot += 1
            let slot = slot(of: claim, in: lane, claimedAt: claimedAt)
            let handed = HandedJob(
                number, slot.context, in: slot.applicationSpan?.handlerContext, claimedAt: claimedAt)
            slot.handed = handed
            slots[number] = slot
            if let timeout = claim.message.timeout { watch(number, timeout, from: claimedAt) }
            return handed
        }
        let (starters, looks) = handlers.withLockedValue { $0.add(jobs, at: .now) }
        send(starters: starters)
        if looks { scheduleLook() }
    }

    /// Releases a job that came too late to be started.
    func release(_ claim: ClaimedJob, in lane: Int, claimedAt: ContinuousClock.Instant) {
        let slot = slot(of: claim, in: lane, claimedAt: claimedAt)
        slot.cause = .drain
        settle(slot, .notStarted)
    }

    private func slot(of claim: ClaimedJob, in lane: Int, claimedAt: ContinuousClock.Instant) -> Slot {
        let open = applicationSpans?.began(claim)
        let trace =
            open?.trace
            ?? AttemptTrace.context(
                of: claim.message, token: claim.reference.token, eligibleAt: claim.eligibleAt, telemetry: telemetry)
        return Slot(
            JobContext(claim, jobEnvironment, trace: trace), in: lane, applicationSpan: open, claimedAt: claimedAt)
    }

    /// Adds the time since the last change of the number of busy slots.
    func countBusyTime() {
        let now = ContinuousClock.now
        if !slots.isEmpty { busySeconds.increment(by: (now - busySince).inSeconds * Double(slots.count)) }
        busySince = now
    }

    func takeFinished() {
        countBusyTime()
        for (number, attempt) in handlers.withLockedValue({ $0.takeEnded() }) {
            // Of one that was kept from beginning there is nothing to take.
            finish(number, attempt)
        }
        busy.set(slots.count)
        claimingReady.raise()
        turn()
    }

    private func finish(_ number: Int, _ attempt: FinishedAttempt) {
        guard let slot = slots.removeValue(forKey: number) else { return }
        if let timer = slot.timer { thread.cancel(timer) }
        if slot.isAbandoned {
            life.returned(slot.lane)
        } else {
            life.ended(slot.lane)
            settle(slot, attempt)
        }
    }

    private func settle(_ slot: Slot, _ attempt: FinishedAttempt) {
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
        let ending = Ending(
            settlement, of: slot.context.claim, trace: slot.context.trace, applicationSpan: slot.applicationSpan,
            duration: attempt.result.ranHandler ? attempt.duration : nil, from: attempt.startNanoseconds,
            to: attempt.endNanoseconds)
        settle(ending, in: slot.lane)
    }

    private func log(_ settlement: Settlement, _ slot: Slot) {
        let level: Logger.Level
        switch settlement.verdict {
        case .complete: return
        case .bury: level = .error
        case .retry: level = .notice
        case .snooze, .release, .cancel: level = .info
        }
        // A logger with the job's metadata is dear, and may be for nothing.
        guard level >= jobEnvironment.logger.logLevel else { return }
        let error = settlement.report.error ?? ""
        let logger = slot.context.logger
        switch settlement.verdict {
        case .complete: break
        case .retry(let delay):
            logger.notice(
                "attempt failed", metadata: ["error": "\(error)", "retry_in": "\(DurationText.format(delay))"])
        case .bury(let reason):
            logger.error("job is dead", metadata: ["error": "\(error)", "reason": "\(reason)"])
        case .snooze(let delay): logger.info("job put off", metadata: ["for": "\(DurationText.format(delay))"])
        case .release: logger.info("job released")
        case .cancel(let reason): logger.info("job cancelled", metadata: ["reason": "\(reason)"])
        }
    }

    // MARK: Cancelling

    /// Cancels a handler when it has run for its timeout. It is asked when that could be at the earliest: where handlers block the
    /// threads of the pool, a job may wait long for one, and its time has not begun then.
    private func watch(_ number: Int, _ timeout: Duration, from began: ContinuousClock.Instant) {
        slots[number]?.timer = thread.schedule(at: began + timeout) { [weak self] in
            self?.assumeIsolated { $0.endTime(of: number, timeout) }
        }
    }

    private func endTime(of number: Int, _ timeout: Duration) {
        guard let slot = slots[number] else { return }
        let now = ContinuousClock.now
        let began = slot.handed?.beganAt ?? now
        if began + timeout <= now { cancel(number, .timeout) } else { watch(number, timeout, from: began) }
    }

    /// Cancels a handler, and watches whether it heeds that. A job whose handler has not begun is released without it.
    func cancel(_ number: Int, _ cause: CancelCause) {
        guard let slot = slots[number], !slot.isAbandoned, slot.cause == nil || cause == .leaseLost else { return }
        slot.cause = cause
        guard begins(slot, number) else { return }
        if let timer = slot.timer { thread.cancel(timer) }
        slot.timer = thread.schedule(at: .now + configuration.cancellationGrace) { [weak self] in
            self?.assumeIsolated {
                $0.abandon(number)
                $0.turn()
            }
        }
    }

    /// Cancels a job's handler, where that has begun; where not, it never does, and its slot is free.
    private func begins(_ slot: Slot, _ number: Int) -> Bool {
        guard let handed = slot.handed, !handed.cancel() else { return true }
        countBusyTime()
        finish(number, .notStarted)
        busy.set(slots.count)
        claimingReady.raise()
        return false
    }

    /// Settles an attempt whose handler goes on after its cancellation. Its slot stays taken until it returns.
    func abandon(_ number: Int) {
        guard let slot = slots[number], !slot.isAbandoned, begins(slot, number) else { return }
        slot.isAbandoned = true
        if let timer = slot.timer { thread.cancel(timer) }
        slot.timer = nil
        life.abandoned(slot.lane)
        summary.ignoredCancellations += 1
        lanes[slot.lane].metrics.ignoredCancellations.increment()
        slot.context.logger.error(
            "handler goes on after its cancellation and keeps its slot: let it check Task.isCancelled",
            metadata: ["cause": "\(slot.cause.map { "\($0)" } ?? "drain")"])
        settle(slot, slot.cutOff(CancellationError()))
    }
}

extension FinishedAttempt {
    /// Of a job that is released unseen.
    static var notStarted: FinishedAttempt {
        FinishedAttempt(result: .notStarted, startNanoseconds: SystemClock.now(), duration: .zero)
    }
}
