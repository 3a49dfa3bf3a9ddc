import SpanQueueTelemetry

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
        var attempt = attempt(
            wait, context: context, worker: record.worker, after: index > 0 ? records[index - 1] : nil,
            from: record.claimedAt.nanoseconds, to: max(record.claimedAt, record.endedAt).nanoseconds)
        attempt.attributes["spanq.synthetic"] = true
        attempt.attributes["error.type"] = "lease_expired"
        attempt.status = .error("the worker did not extend its lease")
        tracer.submit(attempt, keptBecause: reason)
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

    /// A person's cancel or redrive.
    func acted(_ operation: String, on message: JobMessage, parent: TraceContext?, from start: UInt64) {
        let context = tracer.makeContext(parent: parent)
        guard context.isSampled else { return tracer.countUnsampled() }
        tracer.submit(
            SpanData(
                name: "\(operation) \(message.queue)", kind: operation == "redrive" ? .producer : .client,
                context: context, parent: parent?.spanID, startNanoseconds: start, endNanoseconds: SystemClock.now(),
                attributes: attributes(
                    operation, operation == "redrive" ? "send" : "settle", queue: message.queue, message: message),
                links: [SpanData.Link(message.trace, isRemote: true)]))
    }
}
