import SpanQueueTelemetry

extension JobSpans {
    /// An attempt whose settlement has counted, and that settlement.
    func ended(_ ending: Ending, settledFrom settleStart: UInt64) {
        guard let claim = ending.claim, let context = ending.trace, let record = ending.settlement.run.lastAttempt
        else {
            return
        }
        let failed = record.outcome == .retried || record.outcome == .buried
        let isSlow = telemetry.slowAttempt.map { (ending.duration ?? .zero) > $0 } ?? false
        let reason: KeepReason? = context.isSampled ? nil : failed ? .error : isSlow ? .slow : nil
        guard context.isSampled || reason != nil else {
            // The attempt, its settlement, and its wait, of which nothing was said at the claim.
            return tracer.countUnsampled(claim.message.trace.isSampled ? 2 : 3)
        }
        if !claim.message.trace.isSampled {
            if let reason {
                rebuilt(Wait(claim), after: claim.run.attemptRecords, worker: worker, keptBecause: reason)
            } else {
                tracer.countUnsampled()
            }
        }
        var span = attempt(
            Wait(claim), context: context, worker: worker, after: claim.run.attemptRecords.last,
            from: ending.startNanoseconds, to: ending.endNanoseconds)
        if failed {
            span.attributes["error.type"] = .string(record.errorType ?? "_OTHER")
            span.status = .error(Excerpt.bounded(record.error ?? "", bytes: 256))
        }
        tracer.submit(span, keptBecause: reason)
        settled(ending, record, context, from: settleStart, keptBecause: reason)
    }

    /// An attempt whose lease was lost before it could be settled: whoever took the job back exports the attempt under the id
    /// that it was known by, so this span has one of its own, beside it, and links it.
    func lost(_ claim: ClaimedJob, _ context: TraceContext, from start: UInt64, to end: UInt64) {
        let spanID = claim.reference.token.lostSpanID(of: claim.message.id)
        var span = attempt(
            Wait(claim), context: context.moved(to: spanID), worker: worker, after: claim.run.attemptRecords.last,
            from: start, to: end)
        span.attributes["error.type"] = "lease_lost"
        span.status = .error("the worker lost its lease, and what it did did not count")
        span.links.append(SpanData.Link(context, isRemote: true))
        tracer.submit(span, keptBecause: context.isSampled ? nil : .error)
    }

    /// The span of an attempt, without its end.
    func attempt(
        _ wait: Wait, context: TraceContext, worker: String?, after previous: AttemptRecord?, from start: UInt64,
        to end: UInt64
    ) -> SpanData {
        var attributes = Self.attributes(
            "process", "process", queue: wait.message.queue, worker: worker, message: wait.message)
        Self.describe(
            attempt: wait.attempt, of: wait.message, token: wait.token, wait: wait.duration, &attributes)
        let isChild = AttemptTrace.isChild(of: wait.message, eligibleAt: wait.eligibleAt, telemetry.attemptParent)
        return SpanData(
            name: "process \(wait.message.queue)", kind: .consumer, context: context,
            parent: isChild ? wait.message.trace.spanID : nil, isParentRemote: isChild, startNanoseconds: start,
            endNanoseconds: end, attributes: attributes, links: Self.links(of: wait.message, after: previous, telemetry)
        )
    }

    private func settled(
        _ ending: Ending, _ record: AttemptRecord, _ context: TraceContext, from start: UInt64,
        keptBecause reason: KeepReason?
    ) {
        let operation = ending.settlement.verdict.word
        let queue = ending.settlement.reference.queue
        var attributes = attributes(operation, "settle", queue: queue, message: ending.claim?.message)
        Self.describe(settlement: record, &attributes)
        let spanID = record.token.settlementSpanID(of: ending.settlement.reference.id)
        tracer.submit(
            SpanData(
                name: "\(operation) \(queue)", kind: .client,
                context: tracer.makeContext(parent: context, spanID: spanID),
                parent: context.spanID, startNanoseconds: start, endNanoseconds: SystemClock.now(),
                attributes: attributes),
            keptBecause: reason)
    }

    /// An attempt links the creation and the attempt before it.
    static func links(
        of message: JobMessage, after previous: AttemptRecord?, _ telemetry: JobTelemetry
    ) -> [SpanData.Link] {
        var links = [SpanData.Link(message.trace, isRemote: true)]
        if let previous {
            let context = AttemptTrace.context(
                of: message, token: previous.token, eligibleAt: previous.eligibleAt, telemetry: telemetry)
            links.append(SpanData.Link(context, isRemote: true))
        }
        return links
    }
}

extension Verdict {
    /// The name of the settlement's span.
    var word: String {
        switch self {
        case .complete: "complete"
        case .retry: "retry"
        case .bury: "bury"
        case .release: "release"
        case .cancel: "cancel"
        }
    }
}
