import SpanQueueTelemetry

extension JobTrace {
    func attemptStep(
        _ number: Int, token: FencingToken, worker: String, wait: Duration, eligibleAt: Timestamp,
        from start: Timestamp, to end: Timestamp, isOpen: Bool = false
    ) -> Step {
        var attributes = attributes("process", "process", worker: worker)
        JobSpans.describe(attempt: number, of: message, token: token, wait: wait, &attributes)
        let isChild = AttemptTrace.isChild(of: message, eligibleAt: eligibleAt, telemetry.attemptParent)
        let context = AttemptTrace.context(of: message, token: token, eligibleAt: eligibleAt, telemetry: telemetry)
        let span = SpanData(
            name: "process \(message.queue)", kind: .consumer, context: context,
            parent: isChild ? message.trace.spanID : nil, isParentRemote: isChild,
            startNanoseconds: start.nanoseconds, endNanoseconds: max(start, end).nanoseconds,
            attributes: marked(attributes, isOpen), links: JobSpans.links(of: message, after: previous, telemetry))
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
