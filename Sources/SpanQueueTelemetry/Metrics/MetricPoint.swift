/// One series of a snapshot with its value.
public struct MetricPoint: Sendable, Hashable {
    /// The labels that tell it from the other points of its family.
    public var labels: MetricLabels
    /// The value.
    public var value: MetricValue
    /// Since when a counter or a histogram has counted, in nanoseconds since the Unix epoch: `startTimeUnixNano` in OTLP.
    public var startUnixNanoseconds: UInt64
    /// The last exemplar of a counter; a histogram has its own, one a bucket.
    public var exemplar: MetricExemplar?

    /// Makes a point of its parts.
    public init(
        labels: MetricLabels, value: MetricValue, startUnixNanoseconds: UInt64 = 0, exemplar: MetricExemplar? = nil
    ) {
        self.labels = labels
        self.value = value
        self.startUnixNanoseconds = startUnixNanoseconds
        self.exemplar = exemplar
    }
}
