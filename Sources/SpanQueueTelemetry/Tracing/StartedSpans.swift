/// How many spans a tracer has started: `otel.sdk.span.started` by `otel.span.sampling_result`.
public struct StartedSpans: Sendable, Hashable {
    /// Sampled (`RECORD_AND_SAMPLE`).
    public var sampled: Int
    /// Not sampled, but recorded in case there is a reason to keep them (`RECORD_ONLY`).
    public var recorded: Int
    /// Not recorded (`DROP`).
    public var dropped: Int

    /// Makes counts.
    public init(sampled: Int = 0, recorded: Int = 0, dropped: Int = 0) {
        self.sampled = sampled
        self.recorded = recorded
        self.dropped = dropped
    }
}
