import SpanQueueTelemetry

extension JobTrace {
    mutating func addEnqueue() {
        var attributes = attributes("enqueue", "send")
        attributes["spanq.enqueue.result"] = "accepted"
        if let runAt = message.runAt { attributes["spanq.job.run_at"] = .string(runAt.description) }
        let at = message.enqueuedAt
        steps.append(
            Step(
                stage: .enqueue, name: "enqueue", start: at, end: at,
                span: SpanData(
                    name: "enqueue \(message.queue)", kind: .producer, context: message.trace,
                    startNanoseconds: at.nanoseconds, endNanoseconds: at.nanoseconds, attributes: attributes)))
        let due = message.eligibleAt
        if due > at {
            let isPutOff = record.state == .scheduled && record.run.history.isEmpty && due > now
            addDelay("delay", from: at, due: due, before: record.run.history.first, isOpen: isPutOff)
        }
        waitingSince = message.eligibleAt
    }

    mutating func add(_ attempt: AttemptRecord, before next: HistoryEvent?) {
        addWait(
            attempt.number, from: attempt.eligibleAt, to: attempt.claimedAt,
            spanID: attempt.token.waitSpanID(of: message.id))
        let wait = max(.zero, attempt.claimedAt - attempt.eligibleAt)
        var step = attemptStep(
            attempt.number, token: attempt.token, worker: attempt.worker, wait: wait, eligibleAt: attempt.eligibleAt,
            from: attempt.claimedAt, to: attempt.endedAt)
        let isFailure = [.retried, .buried, .lost].contains(attempt.outcome)
        if isFailure {
            step.span?.attributes["error.type"] = .string(attempt.errorType ?? "_OTHER")
            step.span?.status = .error(Excerpt.bounded(attempt.error ?? "", bytes: 256))
        }
        if attempt.outcome == .lost { step.span?.attributes["spanq.synthetic"] = true }
        step.outcome = attempt.outcome.rawValue
        step.detail = Self.detail(attempt)
        steps.append(step)
        addSettlement(of: attempt, step.span?.context ?? message.trace, before: next)
        previous = attempt
        nextNumber = attempt.number + (attempt.isCharged ? 1 : 0)
        switch attempt.outcome {
        case .retried, .released, .lost:
            waitingSince = attempt.reason == nil ? attempt.endedAt + (attempt.retryDelay ?? .zero) : nil
        default: waitingSince = nil
        }
    }

    private mutating func addSettlement(
        of attempt: AttemptRecord, _ context: TraceContext, before next: HistoryEvent?
    ) {
        let name = attempt.outcome.settlement
        let isReclaim = attempt.outcome == .lost
        var attributes = attributes(name, "settle", worker: isReclaim ? nil : attempt.worker)
        JobSpans.describe(settlement: attempt, &attributes)
        if isReclaim { attributes["spanq.lost_worker"] = .string(attempt.worker) }
        let parent = isReclaim ? message.trace : context
        let span = SpanData(
            name: "\(name) \(message.queue)", kind: .client,
            context: parent.moved(to: attempt.token.settlementSpanID(of: message.id)), parent: parent.spanID,
            isParentRemote: isReclaim, startNanoseconds: attempt.endedAt.nanoseconds,
            endNanoseconds: attempt.endedAt.nanoseconds, attributes: attributes,
            links: isReclaim ? [SpanData.Link(context, isRemote: true)] : [])
        if let delay = attempt.retryDelay, delay > .zero {
            addDelay(
                name, from: attempt.endedAt, due: attempt.endedAt + delay, before: next,
                isOpen: next == nil && record.state == .retrying && attempt.endedAt + delay > now, span: span)
        } else {
            steps.append(
                Step(
                    stage: .settlement, name: name, start: attempt.endedAt, end: attempt.endedAt,
                    detail: attempt.reason, span: span))
        }
    }

    private mutating func addDelay(
        _ name: String, from start: Timestamp, due: Timestamp, before next: HistoryEvent?, isOpen: Bool,
        span: SpanData? = nil
    ) {
        // A person can cut it short.
        let end = isOpen ? now : min(due, next?.start ?? now)
        steps.append(
            Step(
                stage: .delay, name: name, start: start, end: max(start, end), isOpen: isOpen, dueAt: due, span: span))
    }

    private mutating func addWait(
        _ number: Int, from since: Timestamp, to end: Timestamp, spanID: SpanID, isOpen: Bool = false
    ) {
        var attributes = attributes("wait", nil)
        attributes["spanq.job.attempt"] = .int(number)
        let start = min(since, end)
        steps.append(
            Step(
                stage: .wait, name: "wait", number: number, start: start, end: end, isOpen: isOpen,
                outcome: isOpen ? "open" : nil,
                span: child(
                    "wait", .internal, spanID: spanID, from: start, to: end, attributes: marked(attributes, isOpen))))
    }

    mutating func add(_ name: String, at: Timestamp, reason: String?) {
        if let since = waitingSince, since < at {
            addWait(nextNumber, from: since, to: at, spanID: id(1, at))
        }
        let isRedrive = name == "redrive"
        var attributes = attributes(name, isRedrive ? "send" : "settle")
        if let reason, !reason.isEmpty { attributes["spanq.job.reason"] = .string(reason) }
        var span = child(
            name, isRedrive ? .producer : .client, spanID: id(isRedrive ? 2 : name == "bury" ? 3 : 4, at), from: at,
            to: at, attributes: attributes)
        span.links = [SpanData.Link(message.trace, isRemote: true)]
        steps.append(
            Step(
                stage: .action, name: name, start: at, end: at, outcome: "by hand",
                detail: reason.flatMap { $0.isEmpty ? nil : $0 }, span: span))
        // A dead letter starts afresh.
        if waitingSince == nil { nextNumber = 1 }
        waitingSince = isRedrive ? at : nil
    }

    mutating func addOmission(before event: HistoryEvent) {
        let count = record.run.droppedEvents
        guard count > 0, let since = steps.last?.end else { return }
        steps.append(
            Step(
                stage: .omission, name: "…", start: since, end: max(since, event.start),
                detail: "\(count) \(count == 1 ? "event is" : "events are") not kept"))
    }

    /// What goes on now.
    mutating func addPresent() {
        let eligibleAt = record.run.eligibleAt ?? message.eligibleAt
        switch record.state {
        case .ready, .scheduled, .retrying:
            // What is due stays put off by name until a worker's claim promotes it, but it waits already.
            guard record.state == .ready || eligibleAt <= now else { return }
            let since = min(eligibleAt, now)
            addWait(record.run.attempts + 1, from: since, to: now, spanID: id(1, since), isOpen: true)
        case .active:
            guard let claim = record.claim else { return }
            addWait(
                record.attempt, from: eligibleAt, to: claim.claimedAt, spanID: claim.token.waitSpanID(of: message.id))
            var step = attemptStep(
                record.attempt, token: claim.token, worker: claim.worker,
                wait: max(.zero, claim.claimedAt - eligibleAt), eligibleAt: eligibleAt, from: claim.claimedAt,
                to: max(now, claim.claimedAt), isOpen: true)
            step.outcome = record.cancelRequested ? "cancelling" : "running"
            if claim.leaseExpiresAt < now {
                step.detail = "its lease has lapsed: a worker that reclaims will take it back"
            }
            steps.append(step)
        default: break
        }
    }
}

extension AttemptOutcome {
    /// The name of what ends such an attempt.
    fileprivate var settlement: String {
        switch self {
        case .completed: "complete"
        case .retried: "retry"
        case .buried: "bury"
        case .cancelled: "cancel"
        case .lost: "reclaim"
        case .released: "release"
        default: "end"
        }
    }
}

extension HistoryEvent {
    /// When the job left what it was in before.
    fileprivate var start: Timestamp {
        attempt?.claimedAt ?? at
    }
}
