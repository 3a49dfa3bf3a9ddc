// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueueTelemetry

/// A job's life as its record tells it: what a worker would have exported, rebuilt without any tracing backend.
///
/// The ids are those of the exported spans where these follow from the record: the enqueue's, each attempt's, and since they
/// derive from the claim also each wait's and settlement's. What a person did is exported with the ids of their own trace, which
/// the record does not keep: here it gets derived ids in the job's trace.
package struct JobTrace: Sendable {
    package let record: JobRecord
    /// The engine's clock when the record was read.
    package let now: Timestamp
    package internal(set) var steps: [Step] = []

    /// Says how attempts stand to their enqueue. The record does not know; workers are configured so.
    let telemetry: JobTelemetry
    /// Since when it could have been claimed; nil while it is put off, and once it has ended.
    var waitingSince: Timestamp?
    var previous: AttemptRecord?
    /// The number that the next attempt will have.
    var nextNumber = 1

    /// - Parameter traceWindow: that of the workers; `JobTelemetry.standard`'s where it is nil.
    package init(_ record: JobRecord, now: Timestamp, traceWindow: Duration? = nil) {
        telemetry = traceWindow.map { JobTelemetry(registry: .standard, traceWindow: $0) } ?? .standard
        self.record = record
        self.now = now
        addEnqueue()
        let history = record.run.history
        for (index, event) in history.enumerated() {
            if index == 1 { addOmission(before: event) }
            let next = history.dropFirst(index + 1).first
            switch event.content {
            case .attempt(let attempt): add(attempt, before: next)
            case .redriven(let at): add("redrive", at: at, reason: nil)
            case .buried(let at, let reason): add("bury", at: at, reason: reason)
            case .cancelled(let at, let reason):
                guard let attempt = history.dropLast(history.count - index).last?.attempt, at < attempt.endedAt else {
                    add("cancel", at: at, reason: reason)
                    break
                }
                // It was drawn where it was asked for. An attempt that did not hear of it ended in another way.
                if attempt.outcome != .cancelled { add("cancel", at: attempt.endedAt, reason: reason) }
            }
        }
        addPresent()
    }

    package var spans: [SpanData] { steps.compactMap(\.span) }

    /// From the enqueue to the job's end, or until now.
    package var total: Duration {
        let end = record.state.isTerminal ? steps.map(\.end).max() ?? now : now
        return max(.zero, end - message.enqueuedAt)
    }

    var message: JobMessage { record.message }
}

extension JobTrace {
    /// One thing that happened, or goes on.
    package struct Step: Sendable {
        /// What kind of thing.
        package enum Stage: Sendable, Hashable {
            /// The engine took the job.
            case enqueue
            /// The job was put off, at enqueue or for a retry.
            case delay
            /// It could have been claimed.
            case wait
            /// A worker had it.
            case attempt
            /// An attempt ended, and the job left it at once.
            case settlement
            /// A person acted on it.
            case action
            /// Events that the record does not hold any more.
            case omission
        }

        package let stage: Stage
        /// `enqueue`, `delay`, `wait`, `attempt`, or the name of the settlement or action.
        package let name: String
        /// Which attempt it belongs to.
        package var number: Int?
        package let start: Timestamp
        /// The present moment for what goes on.
        package let end: Timestamp
        package var isOpen = false
        package var worker: String?
        /// In a word or two.
        package var outcome: String?
        /// An error, or the reason for a settlement or action.
        package var detail: String?
        /// For a delay, when it ends, or would have ended.
        package var dueAt: Timestamp?
        /// Nil for what is not a span of its own.
        package var span: SpanData?

        package var duration: Duration { max(.zero, end - start) }
    }
}

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
                    parent: message.parentSpanID, isParentRemote: message.parentSpanID != nil,
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
        if case .cancelled(let at, let reason) = next?.content, at < attempt.endedAt {
            addRequest(at: at, reason: reason)
        }
        addSettlement(of: attempt, step.span?.context ?? message.trace, before: next)
        previous = attempt
        nextNumber = attempt.number + (attempt.isCharged ? 1 : 0)
        switch attempt.outcome {
        case .retried, .snoozed, .released, .lost:
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
        attributes.add { JobSpans.describe(settlement: attempt, $0) }
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

    /// A cancel that somebody asked for while an attempt ran.
    private mutating func addRequest(at: Timestamp, reason: String) {
        var attributes = attributes("cancel", "settle")
        if !reason.isEmpty { attributes["spanq.job.reason"] = .string(reason) }
        var span = child("cancel", .client, spanID: id(5, at), from: at, to: at, attributes: attributes)
        span.links = [SpanData.Link(message.trace, isRemote: true)]
        steps.append(
            Step(
                stage: .action, name: "cancel", start: at, end: at, outcome: "asked for",
                detail: reason.isEmpty ? nil : reason, span: span))
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
            if let request = record.cancelRequest, let at = request.at { addRequest(at: at, reason: request.reason) }
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
        case .snoozed: "snooze"
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

extension JobTrace {
    func attemptStep(
        _ number: Int, token: FencingToken, worker: String, wait: Duration, eligibleAt: Timestamp,
        from start: Timestamp, to end: Timestamp, isOpen: Bool = false
    ) -> Step {
        var attributes = attributes("process", "process", worker: worker)
        attributes.add { JobSpans.describe(attempt: number, of: message, token: token, wait: wait, $0) }
        let isChild = AttemptTrace.isChild(of: message, eligibleAt: eligibleAt, within: telemetry.traceWindow)
        let context = AttemptTrace.context(of: message, token: token, eligibleAt: eligibleAt, telemetry: telemetry)
        let span = SpanData(
            name: "process \(message.queue)", kind: .consumer, context: context,
            parent: isChild ? message.trace.spanID : nil, isParentRemote: isChild,
            startNanoseconds: start.nanoseconds, endNanoseconds: max(start, end).nanoseconds,
            attributes: marked(attributes, isOpen),
            links: SpanData.Link.written {
                JobSpans.link(message, after: previous.map(PreviousAttempt.init), telemetry, $0)
            })
        return Step(
            stage: .attempt, name: "attempt", number: number, start: start, end: max(start, end), isOpen: isOpen,
            worker: worker, span: span)
    }

    func child(
        _ name: String, _ kind: SpanData.Kind, spanID: SpanID, from start: Timestamp, to end: Timestamp,
        attributes: Attributes
    ) -> SpanData {
        SpanData(
            name: "\(name) \(message.queue)", kind: kind, context: message.trace.moved(to: spanID),
            parent: message.trace.spanID, isParentRemote: true, startNanoseconds: start.nanoseconds,
            endNanoseconds: end.nanoseconds, attributes: attributes)
    }

    func attributes(_ operation: String, _ type: String?, worker: String? = nil) -> Attributes {
        JobSpans.attributes(operation, type, queue: message.queue, worker: worker, message: message)
    }

    /// What goes on is marked, since its end is only that of our knowledge.
    func marked(_ attributes: Attributes, _ isOpen: Bool) -> Attributes {
        var marked = attributes
        if isOpen { marked["spanq.open"] = true }
        return marked
    }

    /// The id of something that no claim names.
    func id(_ place: UInt64, _ at: Timestamp) -> SpanID {
        .derived(from: message.id.fingerprint, UInt64(bitPattern: at.milliseconds), place << 40)
    }

    static func detail(_ attempt: AttemptRecord) -> String? {
        guard let error = attempt.error, !error.isEmpty else { return attempt.errorType }
        guard let type = attempt.errorType, !error.hasPrefix(type) else { return error }
        return "\(type): \(error)"
    }
}
