/// Every series of a registry with its value at one moment: what the exposition formats and the OTLP encoder read.
///
/// A snapshot is a value; nothing in it changes when recording goes on. Families come in the order of their names and
/// points in the order of their label values, so two snapshots of the same state are equal.
public struct MetricsSnapshot: Sendable, Hashable {
    /// The families, in the order of their names.
    public var families: [MetricFamilySnapshot]
    /// When the snapshot was taken, in nanoseconds since the Unix epoch: `timeUnixNano` of each OTLP point.
    public var timeUnixNanoseconds: UInt64

    /// Makes a snapshot of its parts.
    public init(families: [MetricFamilySnapshot], timeUnixNanoseconds: UInt64) {
        self.families = families
        self.timeUnixNanoseconds = timeUnixNanoseconds
    }
}
