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
        let spanID = token.spanID(of: message.id)
        if isChild(of: message, eligibleAt: eligibleAt, telemetry.attemptParent) {
            guard let tracer = telemetry.tracer else { return message.trace.moved(to: spanID) }
            return tracer.makeContext(parent: message.trace, spanID: spanID)
        }
        // The creation's trace id and the claim's token make the id of the new trace.
        let traceID = TraceID(
            nonZeroLow: spanID.value, high: message.trace.traceID.high ^ UInt64(bitPattern: token.value))
        guard let tracer = telemetry.tracer else {
            return TraceContext(traceID: traceID, spanID: spanID, flags: message.trace.flags & 1)
        }
        return tracer.makeContext(traceID: traceID, spanID: spanID)
    }
}

extension TraceContext {
    func moved(to spanID: SpanID) -> TraceContext {
        var context = self
        context.spanID = spanID
        return context
    }
}

extension FencingToken {
    /// The span of the wait that ended with this claim, which anyone who knows the claim can name, as they can the attempt.
    func waitSpanID(of job: JobID) -> SpanID { companion(1, of: job) }

    /// The span of what ended the attempt under this claim: its settlement, or its reclaim.
    func settlementSpanID(of job: JobID) -> SpanID { companion(2, of: job) }

    /// The span that a worker exports for an attempt under this claim after it has lost its lease. The attempt's own id then
    /// belongs to whoever took the job back.
    func lostSpanID(of job: JobID) -> SpanID { companion(3, of: job) }

    /// The nonce has 32 bits: what stands above them tells these ids from the attempt's own.
    private func companion(_ place: UInt64, of job: JobID) -> SpanID {
        .derived(from: job.fingerprint, UInt64(bitPattern: value), place << 32 | UInt64(nonce))
    }
}
