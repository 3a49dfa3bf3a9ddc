/// Why a span is exported although its trace was not sampled: the value of the attribute `spanq.sampled.by`.
public enum KeepReason: String, Sendable, Hashable, CaseIterable {
    /// It failed.
    case error
    /// It took longer than a configured bound.
    case slow
    /// Its worker lost the job.
    case reclaim

    /// The attribute that marks such a span.
    public static let attributeKey = "spanq.sampled.by"
}
