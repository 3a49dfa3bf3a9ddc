// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry

extension JobSpans {
    /// An attempt whose settlement has counted, and that settlement.
    func ended(_ ending: Ending, settledFrom settleStart: UInt64) {
        guard let claim = ending.claim, let context = ending.trace else { return }
        let record = ending.settlement.record
        let failed = record.outcome == .retried || record.outcome == .buried
        let isSlow = telemetry.slowAttempt.map { (ending.duration ?? .zero) > $0 } ?? false
        let reason: KeepReason? = context.isSampled ? nil : failed ? .error : isSlow ? .slow : nil
        guard context.isSampled || reason != nil else {
            // The attempt, its settlement, and its wait, of which nothing was said at the claim.
            return tracer.countUnsampled(claim.message.trace.isSampled ? 2 : 3)
        }
        if !claim.message.trace.isSampled {
            if let reason {
                rebuilt(Wait(claim), after: claim.earlierAttempts, worker: worker, keptBecause: reason)
            } else {
                tracer.countUnsampled()
            }
        }
        let error: (type: String, text: String)? =
            failed ? (record.errorType ?? "_OTHER", Excerpt.bounded(record.error ?? "", bytes: 256)) : nil
        attempt(
            Wait(claim), context: context, worker: worker, after: PreviousAttempt(before: claim),
            from: ending.startNanoseconds, to: ending.endNanoseconds, error: error, keptBecause: reason)
        settled(claim.message, ending.settlement, context, from: settleStart, keptBecause: reason)
    }

    /// An attempt whose lease was lost before it could be settled: whoever took the job back exports the attempt under the id
    /// that it was known by, so this span has one of its own, beside it, and links it.
    func lost(_ claim: ClaimedJob, _ context: TraceContext, from start: UInt64, to end: UInt64) {
        let spanID = claim.reference.token.lostSpanID(of: claim.message.id)
        attempt(
            Wait(claim), context: context.moved(to: spanID), worker: worker, after: PreviousAttempt(before: claim),
            from: start, to: end, error: ("lease_lost", "the worker lost its lease, so this attempt did not count"),
            instead: context, keptBecause: context.isSampled ? nil : .error)
    }

    /// - Parameters:
    ///   - worker: the one that ran it.
    ///   - error: its type, and in words; nil where it did not fail.
    ///   - isSynthetic: whether that worker can't tell of it any more.
    ///   - counted: the attempt that it would have been, had it not lost its lease.
    private func attempt(
        _ wait: Wait, context: TraceContext, worker: String?, after previous: PreviousAttempt?, from start: UInt64,
        to end: UInt64, error: (type: String, text: String)?, isSynthetic: Bool = false,
        instead counted: TraceContext? = nil, keptBecause reason: KeepReason?
    ) {
        let message = wait.message
        let isChild = AttemptTrace.isChild(of: message, eligibleAt: wait.eligibleAt, within: telemetry.traceWindow)
        tracer.submit(
            ShapedSpan(
                shape(.process, in: message.queue, by: worker), context: context,
                parent: isChild ? message.trace.spanID : nil, isParentRemote: isChild, startNanoseconds: start,
                endNanoseconds: end, status: error.map { SpanData.Status.error($0.text) } ?? .unset),
            keptBecause: reason
        ) { parts in
            Self.describe(message, parts)
            Self.describe(attempt: wait.attempt, of: message, token: wait.token, wait: wait.duration, parts)
            if isSynthetic { parts.attribute("spanq.synthetic", true) }
            if let error { parts.attribute("error.type", error.type) }
            Self.link(message, after: previous, telemetry, parts)
            if let counted { parts.link(counted, isRemote: true) }
        }
    }

    private func settled(
        _ message: JobMessage, _ settlement: Settlement, _ context: TraceContext, from start: UInt64,
        keptBecause reason: KeepReason?
    ) {
        let record = settlement.record
        let reference = settlement.reference
        let spanID = record.token.settlementSpanID(of: reference.id)
        tracer.submit(
            ShapedSpan(
                shape(JobSpanShapes.Operation(settlement.verdict), in: reference.queue, by: worker),
                context: tracer.makeContext(parent: context, spanID: spanID), parent: context.spanID,
                startNanoseconds: start, endNanoseconds: SystemClock.now()),
            keptBecause: reason
        ) { parts in
            Self.describe(message, parts)
            Self.describe(settlement: record, parts)
        }
    }
}

/// The attempt before another, as far as the link to it needs that.
struct PreviousAttempt {
    let token: FencingToken
    let eligibleAt: Timestamp

    init(_ record: AttemptRecord) {
        token = record.token
        eligibleAt = record.eligibleAt
    }

    init?(before claim: ClaimedJob) {
        guard let token = claim.previous else { return nil }
        self.token = token
        // Where the engine keeps the history to itself, it is taken for one that began when the job could first begin.
        eligibleAt = claim.run?.lastAttempt?.eligibleAt ?? claim.message.eligibleAt
    }
}

/// An attempt that has ended, from its end until the engine has answered its settlement: what is to be settled, and what is to
/// be reported once that has counted.
///
/// A class, as is a slot: both go through several collections, and to copy a settlement is to retain a dozen objects.
final class Ending: Sendable {
    let settlement: Settlement
    /// Nil for a job whose record can't be read, as is `trace`.
    let claim: ClaimedJob?
    /// Where the attempt stands in its trace.
    let trace: TraceContext?
    /// The attempt in the application's own tracer.
    let applicationSpan: ApplicationSpans.Open?
    /// How long the handler ran; nil where none did.
    let duration: Duration?
    /// From the start of the attempt to its end, on the wall clock.
    let startNanoseconds: UInt64
    let endNanoseconds: UInt64

    init(
        _ settlement: Settlement, of claim: ClaimedJob, trace: TraceContext, applicationSpan: ApplicationSpans.Open?,
        duration: Duration?, from startNanoseconds: UInt64, to endNanoseconds: UInt64
    ) {
        self.settlement = settlement
        self.claim = claim
        self.trace = trace
        self.applicationSpan = applicationSpan
        self.duration = duration
        self.startNanoseconds = startNanoseconds
        self.endNanoseconds = endNanoseconds
    }

    /// The burial of a job that no handler has seen.
    init(burial settlement: Settlement) {
        self.settlement = settlement
        self.claim = nil
        self.trace = nil
        self.applicationSpan = nil
        self.duration = nil
        self.startNanoseconds = 0
        self.endNanoseconds = 0
    }
}

extension JobSpans {
    /// One span for the claim, and the waits that it ended.
    func claimed(_ reply: ClaimReply, from queue: String, start: UInt64) {
        let end = SystemClock.now()
        if reply.promoted > 0 {
            tracer.submit(
                SpanData(
                    name: "promote \(queue)", context: tracer.makeContext(), startNanoseconds: start,
                    endNanoseconds: end,
                    attributes: attributes("promote", nil, queue: queue, count: reply.promoted)))
        }
        guard !reply.jobs.isEmpty else { return }
        let context = tracer.makeContext()
        if context.isSampled {
            tracer.submit(
                SpanData(
                    name: "claim \(queue)", kind: .client, context: context, startNanoseconds: start,
                    endNanoseconds: end,
                    attributes: attributes("claim", "receive", queue: queue, count: reply.jobs.count),
                    links: reply.jobs.prefix(128).map { SpanData.Link($0.message.trace, isRemote: true) }))
        } else {
            tracer.countUnsampled()
        }
        // The waits of other traces are rebuilt, or counted, when it is known whether their attempts matter.
        for job in reply.jobs where job.message.trace.isSampled { waited(Wait(job), worker: worker) }
    }

    /// A job's wait for one of its claims.
    struct Wait {
        let message: JobMessage
        let token: FencingToken
        let attempt: Int
        let eligibleAt: Timestamp
        let claimedAt: Timestamp
        /// How long it was ready.
        let duration: Duration

        init(_ claim: ClaimedJob) {
            message = claim.message
            token = claim.reference.token
            attempt = claim.attempt
            eligibleAt = claim.eligibleAt
            claimedAt = claim.claimedAt
            duration = claim.wait
        }

        init(before record: AttemptRecord, of message: JobMessage) {
            self.message = message
            token = record.token
            attempt = record.number
            eligibleAt = record.eligibleAt
            claimedAt = record.claimedAt
            duration = max(.zero, record.claimedAt - record.eligibleAt)
        }
    }

    /// - Parameter worker: the one that claimed the job.
    private func waited(_ wait: Wait, worker: String?, keptBecause reason: KeepReason? = nil) {
        let message = wait.message
        tracer.submit(
            ShapedSpan(
                shape(.wait, in: message.queue, by: worker),
                context: tracer.makeContext(parent: message.trace, spanID: wait.token.waitSpanID(of: message.id)),
                parent: message.trace.spanID, isParentRemote: true,
                startNanoseconds: (wait.claimedAt + (.zero - wait.duration)).nanoseconds,
                endNanoseconds: wait.claimedAt.nanoseconds),
            keptBecause: reason
        ) { parts in
            Self.describe(message, parts)
            parts.attribute("spanq.job.attempt", Int64(wait.attempt))
        }
    }

    /// The wait of an attempt that is kept although its trace was not sampled, and the enqueue unless an earlier attempt that was
    /// kept has brought it: both from the record.
    ///
    /// - Parameters:
    ///   - earlier: the attempts before that one.
    ///   - worker: the one that claimed the job.
    func rebuilt(_ wait: Wait, after earlier: [AttemptRecord], worker: String?, keptBecause reason: KeepReason) {
        let message = wait.message
        if !earlier.contains(where: { wasKept($0, of: message) }) {
            let at = message.enqueuedAt.nanoseconds
            tracer.submit(
                ShapedSpan(
                    shape(.enqueue, in: message.queue, by: self.worker), context: message.trace,
                    parent: message.parentSpanID, isParentRemote: message.parentSpanID != nil, startNanoseconds: at,
                    endNanoseconds: at),
                keptBecause: reason
            ) { Self.describe(message, $0) }
        }
        waited(wait, worker: worker, keptBecause: reason)
    }

    /// Whether an attempt of an unsampled trace was kept, by the rules that its worker went by if it is configured as this one.
    private func wasKept(_ record: AttemptRecord, of message: JobMessage) -> Bool {
        guard !context(of: record, message).isSampled else { return false }
        switch record.outcome {
        case .retried, .buried, .lost: return true
        default:
            return telemetry.slowAttempt.map { record.endedAt - record.claimedAt > $0 } ?? false
        }
    }

    /// Where an attempt stands in its trace.
    func context(of record: AttemptRecord, _ message: JobMessage) -> TraceContext {
        AttemptTrace.context(of: message, token: record.token, eligibleAt: record.eligibleAt, telemetry: telemetry)
    }
}

extension JobSpans {
    /// The attempt that nobody lived to tell of, and its taking back.
    ///
    /// The synthetic span is the lost attempt: it has the id under which the attempt is on record and that was handed to whatever its
    /// handler started, so those spans find their parent. A worker that lives and learns that it has lost its lease exports
    /// what it did under another id (`lost`), so no two spans have this one.
    func reclaimed(_ job: ReclaimedJob, from start: UInt64) {
        let records = job.run.attemptRecords
        guard let message = job.message, let index = records.lastIndex(where: { $0.outcome == .lost }) else { return }
        let end = SystemClock.now()
        let record = records[index]
        let context = context(of: record, message)
        let reason: KeepReason? = context.isSampled ? nil : .reclaim
        let wait = Wait(before: record, of: message)
        if !message.trace.isSampled {
            rebuilt(wait, after: Array(records[..<index]), worker: record.worker, keptBecause: .reclaim)
        }
        attempt(
            wait, context: context, worker: record.worker,
            after: index > 0 ? PreviousAttempt(records[index - 1]) : nil,
            from: record.claimedAt.nanoseconds, to: max(record.claimedAt, record.endedAt).nanoseconds,
            error: ("lease_expired", "the worker did not extend its lease"), isSynthetic: true, keptBecause: reason)
        var settle = attributes("reclaim", "settle", queue: message.queue, message: message)
        settle["spanq.lost_worker"] = .string(record.worker)
        if let reason = record.reason { settle["spanq.job.reason"] = .string(reason) }
        tracer.submit(
            SpanData(
                name: "reclaim \(message.queue)", kind: .client,
                context: tracer.makeContext(
                    parent: message.trace, spanID: record.token.settlementSpanID(of: message.id)),
                parent: message.trace.spanID, isParentRemote: true, startNanoseconds: start, endNanoseconds: end,
                attributes: settle, links: [SpanData.Link(context, isRemote: true)]),
            keptBecause: message.trace.isSampled ? nil : .reclaim)
    }

    /// What a person does to a job.
    ///
    /// - Parameter by: who; nil where that is not known.
    func acted(
        _ operation: String, on message: JobMessage, by: String?, parent: TraceContext?, from start: UInt64
    ) {
        let context = tracer.makeContext(parent: parent)
        guard context.isSampled else { return tracer.countUnsampled() }
        var attributes = attributes(
            operation, operation == "redrive" ? "send" : "settle", queue: message.queue, message: message)
        if let by { attributes["spanq.by"] = .string(by) }
        tracer.submit(
            SpanData(
                name: "\(operation) \(message.queue)", kind: operation == "redrive" ? .producer : .client,
                context: context, parent: parent?.spanID, startNanoseconds: start, endNanoseconds: SystemClock.now(),
                attributes: attributes, links: [SpanData.Link(message.trace, isRemote: true)]))
    }
}
