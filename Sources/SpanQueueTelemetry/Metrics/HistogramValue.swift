/// What a histogram had counted at one moment.
public struct HistogramValue: Sendable, Hashable {
    /// The upper bounds of the buckets, inclusive, rising, without +Inf: `explicitBounds` in OTLP.
    public var bounds: [Double]
    /// Observations in each bucket alone, not cumulative; one more entry than `bounds`, the last being those above every
    /// bound: `bucketCounts` in OTLP.
    public var bucketCounts: [UInt64]
    /// The sum of all observations. One that was being recorded while the snapshot was taken may be in the buckets and not
    /// yet in the sum.
    public var sum: Double
    /// The last exemplar of each bucket; empty where the family keeps none, else one entry for each of `bucketCounts`.
    public var exemplars: [MetricExemplar?]

    /// Makes a value of its parts.
    public init(bounds: [Double], bucketCounts: [UInt64], sum: Double, exemplars: [MetricExemplar?] = []) {
        self.bounds = bounds
        self.bucketCounts = bucketCounts
        self.sum = sum
        self.exemplars = exemplars
    }

    /// How many observations there were: the sum of the buckets, hence always what the +Inf bucket says.
    public var count: UInt64 { bucketCounts.reduce(0, &+) }
}
