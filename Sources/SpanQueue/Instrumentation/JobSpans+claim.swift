import SpanQueueTelemetry

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

        init(_ claim: ClaimedJob) {
            message = claim.message
            token = claim.reference.token
            attempt = claim.attempt
            eligibleAt = claim.eligibleAt
            claimedAt = claim.claimedAt
        }

        init(before record: AttemptRecord, of message: JobMessage) {
            self.message = message
            token = record.token
            attempt = record.number
            eligibleAt = record.eligibleAt
            claimedAt = record.claimedAt
        }

        var duration: Duration { max(.zero, claimedAt - eligibleAt) }
    }

    /// - Parameter worker: the one that claimed the job.
    private func waited(_ wait: Wait, worker: String?, keptBecause reason: KeepReason? = nil) {
        var attributes = Self.attributes("wait", nil, queue: wait.message.queue, worker: worker, message: wait.message)
        attributes.add(unique: "spanq.job.attempt", .int(wait.attempt))
        tracer.submit(
            SpanData(
                name: "wait \(wait.message.queue)",
                context: tracer.makeContext(
                    parent: wait.message.trace, spanID: wait.token.waitSpanID(of: wait.message.id)),
                parent: wait.message.trace.spanID, isParentRemote: true,
                startNanoseconds: min(wait.eligibleAt, wait.claimedAt).nanoseconds,
                endNanoseconds: wait.claimedAt.nanoseconds, attributes: attributes), keptBecause: reason)
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
            // By whom it was enqueued is not in the record.
            tracer.submit(
                SpanData(
                    name: "enqueue \(message.queue)", kind: .producer, context: message.trace,
                    startNanoseconds: message.enqueuedAt.nanoseconds, endNanoseconds: message.enqueuedAt.nanoseconds,
                    attributes: Self.attributes(
                        "enqueue", "send", queue: message.queue, worker: nil, message: message)),
                keptBecause: reason)
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
