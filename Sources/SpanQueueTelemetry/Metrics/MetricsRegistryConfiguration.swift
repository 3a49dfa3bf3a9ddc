/// The limits of a registry.
public struct MetricsRegistryConfiguration: Sendable {
    /// The most series of one family; further label values share one overflow child. 2,000 by default.
    public var maximumSeriesPerFamily = 2_000
    /// The most families; registering one more throws. 2,000 by default.
    public var maximumFamilies = 2_000
    /// Which observations may become exemplars. Read when a series is made.
    public var exemplarFilter = ExemplarFilter.sampled
    /// Whether snapshots tell what the registry itself dropped: `spanq_metrics_overflow_total` and
    /// `spanq_metrics_rejected_total`.
    public var includesOwnMetrics = true

    /// The defaults.
    public init() {}
}
