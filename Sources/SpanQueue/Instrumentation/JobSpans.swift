import Foundation
import SpanQueueTelemetry

/// Builds the spans of a job's life and gives them to the tracer. Each is built when it is over, from what is known by then,
/// and only where it will be exported.
struct JobSpans: Sendable {
    let telemetry: JobTelemetry
    let tracer: SpanQueueTracer
    /// The worker's id; nil for the client.
    var worker: String?

    /// Nil where no spans go anywhere.
    init?(_ telemetry: JobTelemetry, worker: String? = nil) {
        guard let tracer = telemetry.exporting else { return nil }
        self.telemetry = telemetry
        self.tracer = tracer
        self.worker = worker
    }

    static func now() -> UInt64 { UInt64(max(0, Date().timeIntervalSince1970) * 1e9) }

    private func attributes(
        _ operation: String, _ type: String?, queue: String, message: JobMessage? = nil, count: Int? = nil
    ) -> Attributes {
        Self.attributes(operation, type, queue: queue, worker: worker, message: message, count: count)
    }

    /// What every span of a job's life carries.
    static func attributes(
        _ operation: String, _ type: String?, queue: String, worker: String?, message: JobMessage? = nil,
        count: Int? = nil
    ) -> Attributes {
        var list: Attributes = [
            "messaging.system": "spanqueue", "messaging.destination.name": .string(queue),
            "messaging.operation.name": .string(operation),
        ]
        if let type { list["messaging.operation.type"] = .string(type) }
        if let worker { list["messaging.client.id"] = .string(worker) }
        if let count { list["messaging.batch.message_count"] = .int(count) }
        if let message {
            list["messaging.message.id"] = .string(message.id.description)
            list["spanq.job.type"] = .string(message.type)
        }
        return list
    }

    /// What the span of an attempt carries beside that.
    static func describe(
        attempt number: Int, of message: JobMessage, token: FencingToken, wait: Duration, _ attributes: inout Attributes
    ) {
        attributes["spanq.job.attempt"] = .int(number)
        attributes["spanq.job.max_attempts"] = .int(message.maxAttempts)
        attributes["spanq.job.wait_seconds"] = .double(wait.inSeconds)
        attributes["spanq.job.token"] = .int(token.value)
    }

    /// What the span of a settlement carries beside that.
    static func describe(settlement record: AttemptRecord, _ attributes: inout Attributes) {
        if let delay = record.retryDelay {
            attributes["spanq.job.retry_delay_seconds"] = .double(delay.inSeconds)
        }
        if let reason = record.reason { attributes["spanq.job.reason"] = .string(reason) }
    }

    // MARK: Enqueue

    /// One job: its own span is the creation that it carries.
    func enqueued(
        _ job: NewJob, parent: TraceContext?, from start: UInt64, _ outcome: Result<EnqueueOutcome, any Error>
    ) {
        let message = job.message
        guard message.trace.isSampled else { return }
        var attributes = attributes("enqueue", "send", queue: message.queue, message: message)
        describe(outcome, &attributes)
        tracer.submit(
            SpanData(
                name: "enqueue \(message.queue)", kind: .producer, context: message.trace, parent: parent?.spanID,
                startNanoseconds: start, endNanoseconds: Self.now(), attributes: attributes, status: status(of: outcome)
            ))
    }

    /// Many: a send for each queue that links one creation for each job.
    func enqueued(
        _ jobs: [NewJob], parent: TraceContext?, from start: UInt64, _ outcomes: Result<[EnqueueOutcome], any Error>
    ) {
        let end = Self.now()
        for (queue, places) in Dictionary(grouping: jobs.indices, by: { jobs[$0].message.queue }) {
            for place in places where jobs[place].message.trace.isSampled {
                var attributes = attributes("create", "create", queue: queue, message: jobs[place].message)
                let outcome = outcomes.map { $0[place] }
                describe(outcome, &attributes)
                tracer.submit(
                    SpanData(
                        name: "create \(queue)", kind: .producer, context: jobs[place].message.trace,
                        parent: parent?.spanID, startNanoseconds: start, endNanoseconds: end, attributes: attributes,
                        status: status(of: outcome)))
            }
            tracer.submit(
                SpanData(
                    name: "enqueue \(queue)", kind: .client, context: tracer.makeContext(parent: parent),
                    parent: parent?.spanID, startNanoseconds: start, endNanoseconds: end,
                    attributes: attributes("enqueue", "send", queue: queue, count: places.count),
                    links: places.prefix(128).map { SpanData.Link(jobs[$0].message.trace) },
                    status: status(of: outcomes)))
        }
    }

    private func describe(_ outcome: Result<EnqueueOutcome, any Error>, _ attributes: inout Attributes) {
        switch outcome {
        case .success(.accepted(_, let runAt, _)):
            attributes["spanq.enqueue.result"] = "accepted"
            if let runAt { attributes["spanq.job.run_at"] = .string(runAt.description) }
        case .success(.duplicate): attributes["spanq.enqueue.result"] = "duplicate"
        case .success(.conflict): attributes["error.type"] = "conflict"
        case .success(.refused(let error)): attributes["error.type"] = .string(error.code.rawValue)
        case .failure(let error): attributes["error.type"] = .string(ErrorType.name(of: error))
        }
    }

    private func status<Value>(of outcome: Result<Value, any Error>) -> SpanData.Status {
        switch outcome {
        case .failure(let error): .error(Excerpt.bounded("\(error)", bytes: 256))
        case .success(let value):
            switch value as? EnqueueOutcome {
            case .conflict: .error("the id is taken")
            case .refused(let error): .error(Excerpt.bounded(error.message, bytes: 256))
            default: .unset
            }
        }
    }

    // MARK: Claim

    func claimed(_ reply: ClaimReply, from queue: String, start: UInt64) {
        let end = Self.now()
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
        }
        for job in reply.jobs where job.message.trace.isSampled { waited(job, keptBecause: nil) }
    }

    private func waited(_ job: ClaimedJob, keptBecause reason: KeepReason?) {
        var attributes = attributes("wait", nil, queue: job.message.queue, message: job.message)
        attributes["spanq.job.attempt"] = .int(job.attempt)
        tracer.submit(
            SpanData(
                name: "wait \(job.message.queue)",
                context: tracer.makeContext(
                    parent: job.message.trace, spanID: job.reference.token.waitSpanID(of: job.message.id)),
                parent: job.message.trace.spanID, isParentRemote: true,
                startNanoseconds: min(job.eligibleAt, job.claimedAt).nanoseconds,
                endNanoseconds: job.claimedAt.nanoseconds, attributes: attributes), keptBecause: reason)
    }

    // MARK: Attempt

    /// The attempt and its settlement.
    func ended(_ ending: Ending, settledFrom settleStart: UInt64, counted: Bool) {
        guard let claim = ending.claim, let context = ending.context,
            let record = ending.settlement.run.attemptRecords.last
        else { return }
        let failed = record.outcome == .retried || record.outcome == .buried
        let isSlow = telemetry.slowAttempt.map { ending.duration > $0 } ?? false
        let reason: KeepReason? = context.isSampled ? nil : failed || !counted ? .error : isSlow ? .slow : nil
        guard context.isSampled || reason != nil else { return }
        let message = claim.message
        if let reason, !message.trace.isSampled { rebuilt(claim, keptBecause: reason) }
        var attributes = attributes("process", "process", queue: message.queue, message: message)
        Self.describe(
            attempt: claim.attempt, of: message, token: claim.reference.token, wait: claim.wait, &attributes)
        let errorType = counted ? (failed ? record.errorType ?? "_OTHER" : nil) : "lease_lost"
        if let errorType { attributes["error.type"] = .string(errorType) }
        let isChild = AttemptTrace.isChild(
            of: message, eligibleAt: claim.eligibleAt, telemetry.attemptParent)
        tracer.submit(
            SpanData(
                name: "process \(message.queue)", kind: .consumer, context: context,
                parent: isChild ? message.trace.spanID : nil, isParentRemote: isChild,
                startNanoseconds: ending.startNanoseconds, endNanoseconds: ending.endNanoseconds,
                attributes: attributes,
                links: Self.links(of: message, after: claim.run.attemptRecords.last, telemetry),
                status: errorType == nil ? .unset : .error(Excerpt.bounded(record.error ?? "", bytes: 256))),
            keptBecause: reason)
        guard counted else { return }
        settled(ending, record, context, from: settleStart, keptBecause: reason)
    }

    private func settled(
        _ ending: Ending, _ record: AttemptRecord, _ context: TraceContext, from start: UInt64,
        keptBecause reason: KeepReason?
    ) {
        let operation =
            switch ending.settlement.verdict {
            case .complete: "complete"
            case .retry: "retry"
            case .bury: "bury"
            case .release: "release"
            case .cancel: "cancel"
            }
        let queue = ending.settlement.reference.queue
        var attributes = attributes(operation, "settle", queue: queue, message: ending.claim?.message)
        Self.describe(settlement: record, &attributes)
        let spanID = record.token.settlementSpanID(of: ending.settlement.reference.id)
        tracer.submit(
            SpanData(
                name: "\(operation) \(queue)", kind: .client,
                context: tracer.makeContext(parent: context, spanID: spanID),
                parent: context.spanID, startNanoseconds: start, endNanoseconds: Self.now(), attributes: attributes),
            keptBecause: reason)
    }

    /// The enqueue and the wait of an attempt that is kept although its trace was not sampled, from the record.
    private func rebuilt(_ claim: ClaimedJob, keptBecause reason: KeepReason) {
        let message = claim.message
        tracer.submit(
            SpanData(
                name: "enqueue \(message.queue)", kind: .producer, context: message.trace,
                startNanoseconds: message.enqueuedAt.nanoseconds, endNanoseconds: message.enqueuedAt.nanoseconds,
                attributes: attributes("enqueue", "send", queue: message.queue, message: message)),
            keptBecause: reason)
        waited(claim, keptBecause: reason)
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

    private func context(of record: AttemptRecord, _ message: JobMessage) -> TraceContext {
        AttemptTrace.context(of: message, token: record.token, eligibleAt: record.eligibleAt, telemetry: telemetry)
    }

    // MARK: Reclaim and operations

    /// The attempt that nobody lived to tell of, and its taking back.
    func reclaimed(_ job: ReclaimedJob, from start: UInt64) {
        guard let message = job.message, let record = job.run.attemptRecords.last(where: { $0.outcome == .lost })
        else { return }
        let end = Self.now()
        let lost = context(of: record, message)
        let reason: KeepReason? = message.trace.isSampled ? nil : .reclaim
        var attempt = attributes("process", "process", queue: message.queue, message: message)
        attempt["messaging.client.id"] = .string(record.worker)
        attempt["spanq.synthetic"] = true
        attempt["spanq.job.attempt"] = .int(record.number)
        attempt["error.type"] = "lease_expired"
        tracer.submit(
            SpanData(
                name: "process \(message.queue)", kind: .consumer, context: tracer.makeContext(parent: message.trace),
                parent: message.trace.spanID, isParentRemote: true, startNanoseconds: record.claimedAt.nanoseconds,
                endNanoseconds: max(record.claimedAt, record.endedAt).nanoseconds, attributes: attempt,
                links: [SpanData.Link(message.trace, isRemote: true), SpanData.Link(lost, isRemote: true)],
                status: .error("the worker did not extend its lease")), keptBecause: reason)
        var settle = attributes("reclaim", "settle", queue: message.queue, message: message)
        settle["spanq.lost_worker"] = .string(record.worker)
        if let reason = record.reason { settle["spanq.job.reason"] = .string(reason) }
        tracer.submit(
            SpanData(
                name: "reclaim \(message.queue)", kind: .client,
                context: tracer.makeContext(
                    parent: message.trace, spanID: record.token.settlementSpanID(of: message.id)),
                parent: message.trace.spanID, isParentRemote: true, startNanoseconds: start, endNanoseconds: end,
                attributes: settle, links: [SpanData.Link(lost, isRemote: true)]), keptBecause: reason)
    }

    /// A person's cancel or redrive.
    func acted(_ operation: String, on message: JobMessage, parent: TraceContext?, from start: UInt64) {
        let context = tracer.makeContext(parent: parent)
        guard context.isSampled else { return }
        tracer.submit(
            SpanData(
                name: "\(operation) \(message.queue)", kind: operation == "redrive" ? .producer : .client,
                context: context, parent: parent?.spanID, startNanoseconds: start, endNanoseconds: Self.now(),
                attributes: attributes(
                    operation, operation == "redrive" ? "send" : "settle", queue: message.queue, message: message),
                links: [SpanData.Link(message.trace, isRemote: true)]))
    }
}

extension Timestamp {
    /// Nanoseconds since 1970; zero for what lies before.
    var nanoseconds: UInt64 { UInt64(max(0, milliseconds)) * 1_000_000 }
}
