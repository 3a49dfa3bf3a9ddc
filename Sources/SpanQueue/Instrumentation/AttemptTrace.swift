import SpanQueueTelemetry

/// Where an attempt stands in its trace: a function of the job's record and the claim, so that the worker that runs it, the one
/// that finds it lost, and the command that draws it agree without having stored it.
enum AttemptTrace {
    /// An attempt that was planned to start later than this after its enqueue begins a trace of its own.
    static let longestParent = Duration.minutes(15)

    static func isChild(
        of message: JobMessage, eligibleAt: Timestamp, _ mode: JobTelemetry.AttemptParent
    ) -> Bool {
        switch mode {
        case .parent: true
        case .link: false
        case .auto: eligibleAt - message.enqueuedAt <= longestParent
        }
    }

    static func context(
        of message: JobMessage, token: FencingToken, eligibleAt: Timestamp, telemetry: JobTelemetry
    ) -> TraceContext {
        let spanID = token.spanID(in: message.trace.traceID)
        if isChild(of: message, eligibleAt: eligibleAt, telemetry.attemptParent) {
            guard let tracer = telemetry.tracer else { return message.trace.moved(to: spanID) }
            return tracer.makeContext(parent: message.trace, spanID: spanID)
        }
        // The creation's trace id and the claim's token make the id of the new trace.
        let traceID = TraceID(nonZeroLow: spanID.value, high: message.trace.traceID.high ^ UInt64(bitPattern: token.value))
        guard let tracer = telemetry.tracer else {
            return TraceContext(traceID: traceID, spanID: spanID, flags: message.trace.flags & 1)
        }
        return tracer.makeContext(traceID: traceID, spanID: spanID)
    }
}

extension TraceContext {
    fileprivate func moved(to spanID: SpanID) -> TraceContext {
        var context = self
        context.spanID = spanID
        return context
    }
}
